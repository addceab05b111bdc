/** Thrown when a dependency did not answer in time. What it was asked may still happen. */
export class DeadlineExceeded extends Error {
  constructor(what: string, milliseconds: number) {
    super(`${what} did not answer within ${milliseconds} ms`)
    this.name = 'DeadlineExceeded'
  }
}

const stallMs = 20 // a timer that is later than this found the process itself stalled
const graceMs = 50 // then there is this much to send what was not sent yet, and to read what has arrived

/**
 * Settles as `work` does, or rejects with DeadlineExceeded: a frozen server sends no error, so the clock must be ours.
 * A stall of this process is not held against the server: what has arrived meanwhile is read first.
 */
export const withDeadline = async <T>(work: PromiseLike<T>, milliseconds: number, what: string): Promise<T> => {
  let timer: NodeJS.Timeout | undefined
  const expiry = new Promise<never>((_resolve, reject) => {
    const dueAt = performance.now() + milliseconds
    const expire = () => reject(new DeadlineExceeded(what, milliseconds))
    timer = setTimeout(() => {
      timer = setTimeout(expire, performance.now() - dueAt > stallMs ? graceMs : 0)
    }, milliseconds)
  })
  try {
    return await Promise.race([work, expiry])
  } finally {
    clearTimeout(timer)
  }
}

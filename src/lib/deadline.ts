/** Thrown when a dependency did not answer in time. What it was asked may still happen. */
export class DeadlineExceeded extends Error {
  constructor(what: string, milliseconds: number) {
    super(`${what} did not answer within ${milliseconds} ms`)
    this.name = 'DeadlineExceeded'
  }
}

/** Settles as `work` does, or rejects with DeadlineExceeded: a frozen server sends no error, so the clock must be ours. */
export const withDeadline = async <T>(work: PromiseLike<T>, milliseconds: number, what: string): Promise<T> => {
  let timer: NodeJS.Timeout | undefined
  const expiry = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new DeadlineExceeded(what, milliseconds)), milliseconds)
  })
  try {
    return await Promise.race([work, expiry])
  } finally {
    clearTimeout(timer)
  }
}

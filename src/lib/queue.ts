/** A line between one who gives and one who takes, with `for await`. */
export interface Queue<T> extends AsyncIterable<T> {
  /** False when the line is full or closed: then the value was not taken in. */
  push(value: T): boolean
  /** Takes nothing more in: the line ends once what waits in it is taken. */
  close(): void
}

/** Makes a line in which at most so many wait. One may take from it. */
export const createQueue = <T>(mostWaiting: number): Queue<T> => {
  const waiting: T[] = []
  let isClosed = false
  let something = Promise.withResolvers<void>()
  return {
    push(value) {
      if (isClosed || waiting.length >= mostWaiting) return false
      waiting.push(value)
      something.resolve()
      return true
    },
    close() {
      isClosed = true
      something.resolve()
    },
    async *[Symbol.asyncIterator]() {
      for (;;) {
        const value = waiting.shift()
        if (value !== undefined) yield value
        else if (isClosed) return
        else {
          await something.promise
          something = Promise.withResolvers()
        }
      }
    },
  }
}

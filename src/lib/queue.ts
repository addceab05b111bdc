/** A line between one who gives and one who takes, with `for await`. */
export interface Queue<T> extends AsyncIterable<T> {
  /** False when the line is full or closed: then nothing was taken in. */
  push(value: T): boolean
  /** Ends the line once what waits in it is taken, or at once where there is a problem, with that. */
  close(problem?: Error): void
}

/** Makes a line in which at most so many wait. One may take from it. */
export const createQueue = <T>(mostWaiting: number): Queue<T> => {
  const waiting: T[] = []
  let end: { readonly problem: Error | undefined } | undefined
  let something = Promise.withResolvers<void>()
  return {
    push(value) {
      if (end || waiting.length >= mostWaiting) return false
      waiting.push(value)
      something.resolve()
      return true
    },
    close(problem) {
      end ??= { problem }
      something.resolve()
    },
    async *[Symbol.asyncIterator]() {
      for (;;) {
        if (end?.problem) throw end.problem
        const value = waiting.shift()
        if (value !== undefined) yield value
        else if (end) return
        else {
          await something.promise
          something = Promise.withResolvers()
        }
      }
    },
  }
}

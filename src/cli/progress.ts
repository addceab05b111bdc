const redrawMs = 100
const countPerLine = 10_000
const clearLine = '\r\u001b[K'

/** Where progress goes: standard error. */
export interface ProgressOutput {
  readonly isTTY?: boolean
  write(text: string): unknown
}

/**
 * Tells how far a command is: on a terminal in one line that is redrawn at most ten times a second, elsewhere with a line
 * for every 10,000 of `what`. `now` is in milliseconds.
 */
export const createProgress = (output: ProgressOutput, now: () => number, what: string) => {
  let drawnAt = Number.NEGATIVE_INFINITY
  let isDrawn = false
  let lineDueAt = countPerLine

  const clear = (): void => {
    if (isDrawn) output.write(clearLine)
    isDrawn = false
  }
  return {
    /** `share` is what is done of the whole, from 0 to 1; null where nobody knows. */
    show(count: number, share: number | null): void {
      const text = `${count} ${what}${share === null ? '' : `, ${Math.floor(share * 100)}%`}`
      if (output.isTTY) {
        if (now() - drawnAt < redrawMs) return
        drawnAt = now()
        isDrawn = true
        output.write(`${clearLine}${text}`)
      } else if (count >= lineDueAt) {
        lineDueAt = count - (count % countPerLine) + countPerLine
        output.write(`${text}\n`)
      }
    },
    /** Writes a line that stays. */
    say(text: string): void {
      clear()
      output.write(`${text}\n`)
    },
    clear,
  }
}

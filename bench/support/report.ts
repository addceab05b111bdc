/** One line of the result: a figure, and the bar that it is held against where there is one. */
export interface Figure {
  readonly what: string
  readonly value: string
  readonly bar?: { readonly text: string; readonly isMet: boolean }
}

export interface Environment {
  readonly databaseUrl: string
  readonly redisUrl: string
  readonly smtpUrl: string
  /** Prints a line of progress. */
  readonly say: (text: string) => void
}

/** Measures, and returns the figures in the order to print them. */
export type Benchmark = (environment: Environment) => Promise<Figure[]>

/** The figures as a table of plain text. */
export const table = (figures: readonly Figure[]): string => {
  const rows = figures.map(({ what, value, bar }) => [
    what,
    value,
    bar?.text ?? '',
    bar ? (bar.isMet ? 'met' : 'MISSED') : '',
  ])
  const all = [['', 'measured', 'bar', ''], ...rows]
  const widths = [0, 1, 2].map((column) => Math.max(...all.map((row) => (row[column] as string).length)))
  return all
    .map((row) => `  ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')}`.trimEnd())
    .join('\n')
}

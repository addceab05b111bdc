/** The value that `share` (0 to 1) of the values do not exceed. */
export const quantile = (values: readonly number[], share: number): number => {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN
}

export const median = (values: readonly number[]): number => quantile(values, 0.5)

/** A number with three figures that count. */
export const figure = (value: number): string =>
  value.toLocaleString('en', { maximumSignificantDigits: Math.max(3, Math.trunc(Math.abs(value)).toString().length) })

/** Median, and least to most in brackets. */
export const spread = (values: readonly number[]): string =>
  `${figure(median(values))} (${figure(Math.min(...values))} to ${figure(Math.max(...values))})`

export const median = (values: readonly number[]): number => {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  const upper = sorted[middle] ?? Number.NaN
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2
}

/**
 * How likely two samples differ as much as these, or more, by chance: two-sided Mann-Whitney rank test, by its normal
 * approximation, which holds from about twenty values each.
 */
export const rankTest = (first: readonly number[], second: readonly number[]): number => {
  const pooled = [...first.map((value) => ({ value, own: 1 })), ...second.map((value) => ({ value, own: 0 }))]
  pooled.sort((a, b) => a.value - b.value)
  const rankSum = pooled.reduce((sum, { own }, index) => sum + own * (index + 1), 0)
  const pairs = first.length * second.length
  const statistic = rankSum - (first.length * (first.length + 1)) / 2
  const deviation = Math.sqrt((pairs * (pooled.length + 1)) / 12)
  return 2 * normalTail(Math.abs(statistic - pairs / 2) / deviation)
}

/** Upper tail of the normal distribution, to within 1e-7 (Abramowitz and Stegun 26.2.17). */
const normalTail = (z: number): number => {
  const t = 1 / (1 + 0.2316419 * z)
  const series = [0.31938153, -0.356563782, 1.781477937, -1.821255978, 1.330274429]
  const polynomial = series.reduceRight((sum, factor) => (sum + factor) * t, 0)
  return (polynomial * Math.exp((-z * z) / 2)) / Math.sqrt(2 * Math.PI)
}

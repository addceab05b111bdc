const shortestBeginning = 3

/** The word that somebody most likely meant by what they typed: the one that begins so, or one that few edits lead to. */
export const closestTo = (typed: string, words: readonly string[]): string | undefined => {
  const begun = words.filter((word) => typed.length >= shortestBeginning && word.startsWith(typed))
  if (begun.length === 1) return begun[0]
  const [nearest] = words
    .map((word) => ({ word, edits: editsBetween(typed, word) }))
    .filter(({ word, edits }) => edits <= Math.max(2, word.length / 3))
    .toSorted((a, b) => a.edits - b.edits)
  return nearest?.word
}

/** How many letters must be put in, taken out, replaced or swapped with their neighbour (optimal string alignment). */
const editsBetween = (from: string, to: string): number => {
  let [before, row]: number[][] = [[], [...Array(to.length + 1).keys()]]
  for (let i = 1; i <= from.length; i++) {
    const next = [i]
    for (let j = 1; j <= to.length; j++) {
      const isSame = from[i - 1] === to[j - 1]
      const isSwapped = from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1]
      next[j] = Math.min(
        at(row, j) + 1,
        at(next, j - 1) + 1,
        at(row, j - 1) + (isSame ? 0 : 1),
        isSwapped ? at(before, j - 2) + 1 : Number.POSITIVE_INFINITY,
      )
    }
    before = row
    row = next
  }
  return at(row, to.length)
}

const at = (row: readonly number[] | undefined, place: number): number => row?.[place] ?? Number.POSITIVE_INFINITY

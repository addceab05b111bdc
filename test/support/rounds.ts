/** How often a race is run: few times in the usual suite, and as often as GATEHOUSE_ROUNDS says where that is set. */
export const roundsOf = (few: number): number => Number(process.env.GATEHOUSE_ROUNDS ?? few)

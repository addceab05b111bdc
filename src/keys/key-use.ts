/** What still depends on a key of the ring that is not the newest. */
export interface KeyUse {
  readonly keyId: string
  /** How many rows are sealed under it, by column; columns without any are left out. */
  readonly sealed: ReadonlyMap<string, number>
  /** Live sessions whose token may bear its checksum. */
  readonly sessions: TokensOfKey
  /** Trusted devices whose token may. */
  readonly devices: TokensOfKey
  /** Whether the head of the security log bears its signature. */
  readonly hasSignedHead: boolean
  /** How many archived months are signed for with it. */
  readonly archives: number
}

export interface TokensOfKey {
  readonly count: number
  /** When the last of them is over at the latest; null where there is none. */
  readonly until: Date | null
}

/** What is lost for good, or refused, without the key. Where there is nothing, only tokens that bear its checksum are refused. */
export const reasonsToKeep = ({ sealed, hasSignedHead, archives }: KeyUse): string[] => [
  ...[...sealed].map(([column, count]) => `seals ${count} of ${column}`),
  ...(hasSignedHead ? ['signed the head of the security log: until the next event is sealed under a newer key'] : []),
  ...(archives > 0
    ? [`signed for ${archives} archived months of the security log, which do not verify without it`]
    : []),
]

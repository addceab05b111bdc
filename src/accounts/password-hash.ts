// Both rules ask for canonical Base64, since the libraries verify nothing else: such a hash would open for no password.
const bcryptHash = /^\$2[aby]\$(?:0[4-9]|1[0-5])\$[./A-Za-z\d]{21}[.Oeu][./A-Za-z\d]{30}[.CGKOSWaeimquy26]$/
const argon2idHash =
  /^\$argon2id\$v=19\$m=([1-9]\d*),t=([1-9]\d*),p=([1-9]\d*)\$([A-Za-z\d+/]{11,86})\$([A-Za-z\d+/]{22,86})$/

// What a sign-in may cost, about a second at most: as much as bcrypt of cost 15.
const mostMemoryKiB = 262_144
const mostPasses = 10
const mostLanes = 16
const leastMemoryKiBPerLane = 8 // RFC 9106 §3.1

/** Whether `text` is a whole bcrypt hash that a sign-in can afford: `$2a$`, `$2b$` or `$2y$`, of cost 4 to 15. */
export const isBcryptHash = (text: string): boolean => bcryptHash.test(text)

/** What an argon2id hash in the PHC form costs; null for any other text, and for a cost that no sign-in can afford. */
export const argon2idCostOf = (text: string): { memoryCost: number; timeCost: number } | null => {
  const [, memory, passes, lanes, ...encoded] = argon2idHash.exec(text) ?? []
  const [memoryCost, timeCost, parallelism] = [Number(memory), Number(passes), Number(lanes)]
  const isAffordable = memoryCost <= mostMemoryKiB && timeCost <= mostPasses && parallelism <= mostLanes
  const isWhole = memoryCost >= leastMemoryKiBPerLane * parallelism && encoded.every(isCanonicalBase64)
  return isAffordable && isWhole ? { memoryCost, timeCost } : null
}

const isCanonicalBase64 = (text: string): boolean =>
  Buffer.from(text, 'base64').toString('base64').replace(/=+$/, '') === text

export const slotCount = 16_384

/** Which of a cluster's 16,384 slots holds a key: CRC16 of what stands between its first braces (Redis Cluster specification). */
export const keySlot = (key: string): number => {
  const start = key.indexOf('{')
  const end = key.indexOf('}', start + 1)
  const tag = start >= 0 && end > start + 1 ? key.slice(start + 1, end) : key
  let crc = 0
  for (const byte of Buffer.from(tag)) {
    crc ^= byte << 8
    for (let bit = 0; bit < 8; bit++) crc = crc & 0x80_00 ? ((crc << 1) ^ 0x10_21) & 0xff_ff : (crc << 1) & 0xff_ff
  }
  return crc % slotCount
}

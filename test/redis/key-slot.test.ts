import { expect, test } from 'vitest'
import { keySlot } from '../../src/redis/key-slot.ts'

test.each([
  ['123456789', 12_739], // the check value of CRC16/XMODEM, 0x31C3
  ['foo', 12_182],
  ['{foo}:anything', 12_182],
  ['before{foo}after', 12_182],
  ['{foo}{bar}', 12_182],
  ['', 0],
])('%j lies in slot %i, as Redis has it', (key, slot) => {
  expect(keySlot(key)).toBe(slot)
})

test('an empty tag is no tag, and a tag ends at the first brace', () => {
  expect(keySlot('foo{}{bar}')).not.toBe(keySlot('bar'))
  expect(keySlot('foo{{bar}}zap')).toBe(keySlot('{bar'))
})

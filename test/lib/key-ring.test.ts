import { expect, test } from 'vitest'
import { createKeyRing, type MasterKey } from '../../src/lib/key-ring.ts'

const key = (id: string, fill: number): MasterKey => ({ id, secret: Buffer.alloc(32, fill) })
const ring = createKeyRing([key('k1', 1)])
const rotated = createKeyRing([key('k2', 2), key('k1', 1)])

test('what is sealed opens with the same binding, and each sealing differs', () => {
  for (const plaintext of ['', 'JBSWY3DPEHPK3PXP', 'ключ 🔑', 'x'.repeat(10_000)]) {
    expect(ring.open(ring.seal(plaintext, 'a row'), 'a row')).toBe(plaintext)
  }
  expect(ring.seal('text', 'a row')).not.toBe(ring.seal('text', 'a row'))
  expect(ring.seal('a secret text', 'a row')).not.toContain('secret')
})

test('what is sealed for one row does not open in another', () => {
  expect(() => ring.open(ring.seal('text', 'factor 1 of alice'), 'factor 1 of mallory')).toThrow()
})

test('a sealed value with any one byte changed, cut or lengthened does not open', () => {
  const [id, encoded = ''] = ring.seal('text', 'a row').split(':')
  const body = Buffer.from(encoded, 'base64url')
  const sealedFrom = (bytes: Buffer) => `${id}:${bytes.toString('base64url')}`
  for (const place of body.keys()) {
    const changed = Buffer.from(body)
    changed[place] = (changed[place] ?? 0) ^ 1
    expect(() => ring.open(sealedFrom(changed), 'a row')).toThrow()
    expect(() => ring.open(sealedFrom(body.subarray(0, place)), 'a row')).toThrow()
  }
  expect(() => ring.open(sealedFrom(Buffer.concat([body, Buffer.alloc(1)])), 'a row')).toThrow()
  expect(() => ring.open('', 'a row')).toThrow()
})

test('after a rotation old values open, new ones are sealed under the newest key, and the old ring can not open those', () => {
  const old = ring.seal('text', 'a row')
  expect(rotated.open(old, 'a row')).toBe('text')
  const fresh = rotated.seal('text', 'a row')
  expect(fresh).toMatch(/^k2:/)
  expect(() => ring.open(fresh, 'a row')).toThrow('sealed under the key "k2"')
})

test('a value does not open under another key of the same id', () => {
  expect(() => createKeyRing([key('k1', 9)]).open(ring.seal('text', 'a row'), 'a row')).toThrow()
})

test('signing uses the newest key, and signatures are known by every key, newest first', () => {
  const [newest, older, ...rest] = rotated.signatures('text')
  expect(rotated.sign('text')).toEqual(newest)
  expect(ring.sign('text')).toEqual(older)
  expect(rest).toEqual([])
  expect(newest).not.toEqual(older)
  expect(ring.sign('other text')).not.toEqual(older)
})

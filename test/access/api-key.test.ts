import { crc32 } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { hintOf, looksLikeKey, makeKey } from '../../src/access/api-key.ts'

const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'

describe('API keys', () => {
  it('a new key has the prefix, 38 characters more, and a checksum that fits', () => {
    for (let i = 0; i < 200; i++) {
      const key = makeKey()
      expect(key).toMatch(/^tg_[0-9A-Za-z]{38}$/)
      expect(looksLikeKey(key)).toBe(true)
      expect(hintOf(key)).toBe(key.slice(-4))
    }
    expect(new Set(Array.from({ length: 200 }, () => makeKey())).size).toBe(200)
  })

  it('the checksum is the CRC-32 that others compute', () => {
    const key = makeKey((bytes) => bytes.fill(0))
    const random = key.slice(3, 35)
    expect(random).toBe('0'.repeat(32))
    let rest = crc32(random)
    let expected = ''
    for (let i = 0; i < 6; i++) {
      expected = ALPHABET[rest % 62] + expected
      rest = Math.floor(rest / 62)
    }
    expect(key.slice(35)).toBe(expected)
  })

  it('every character is as likely as any other: bytes that would favour some are drawn again', () => {
    const bytesByChar = new Map<string, number>()
    let drawnAgain = 0
    for (let byte = 0; byte < 256; byte++) {
      let draws = 0
      const key = makeKey((bytes) => bytes.fill(draws++ === 0 ? byte : 0))
      if (draws > 1) drawnAgain++
      else bytesByChar.set(key[3]!, (bytesByChar.get(key[3]!) ?? 0) + 1)
    }
    expect([...bytesByChar.keys()].sort()).toEqual([...ALPHABET].sort())
    expect(new Set(bytesByChar.values())).toEqual(new Set([4]))
    expect(drawnAgain).toBe(256 - 4 * 62)
  })

  it('any one character changed, swapped with its neighbour, or left out is noticed', () => {
    const key = makeKey()
    fc.assert(
      fc.property(fc.nat(37), fc.constantFrom(...ALPHABET), (offset, char) => {
        const at = 3 + offset
        const changed = key.slice(0, at) + char + key.slice(at + 1)
        const swapped = key.slice(0, at) + (key[at + 1] ?? '') + key[at] + key.slice(at + 2)
        if (changed !== key) expect(looksLikeKey(changed)).toBe(false)
        if (swapped !== key) expect(looksLikeKey(swapped)).toBe(false)
        expect(looksLikeKey(key.slice(0, at) + key.slice(at + 1))).toBe(false)
      }),
    )
  })

  it.each([
    '',
    'tg_',
    'tg_short',
    ' ',
    `xx_${'0'.repeat(38)}`,
    `tg_${'ä'.repeat(38)}`,
    `tg_${'0'.repeat(38)}\n`,
  ])('%j is no key', (text) => expect(looksLikeKey(text)).toBe(false))
})

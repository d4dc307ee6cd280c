import { describe, expect, it } from 'vitest'
import { makeKey } from '../../src/access/api-key.ts'
import { idsFrom, newId, newShortId, UUID } from '../../src/kernel/ids.ts'
import { SecretBox } from '../../src/kernel/secret-box.ts'

const text = 'tg_secret, Ünïcode 😀'

describe('a secret box', () => {
  it('gives back what was sealed, to who has the secret, on another day and another machine', async () => {
    const sealed = await new SecretBox('token', 'salt').seal(text)
    expect(await new SecretBox('token', 'salt').unseal(sealed)).toBe(text)
    expect(Buffer.from(sealed, 'base64').toString('latin1')).not.toContain('tg_secret')
  })

  it.each([
    ['another secret', 'other', 'salt'],
    ['another salt', 'token', 'other'],
  ])('gives it to nobody with %s', async (_, secret, salt) => {
    const sealed = await new SecretBox('token', 'salt').seal(text)
    await expect(new SecretBox(secret, salt).unseal(sealed)).rejects.toThrow()
  })

  it('notices a changed bit, and seals the same text differently each time', async () => {
    const box = new SecretBox('token', 'salt')
    const bytes = Buffer.from(await box.seal(text), 'base64')
    bytes[bytes.length - 1]! ^= 1
    await expect(box.unseal(bytes.toString('base64'))).rejects.toThrow()
    expect(await box.seal(text)).not.toBe(await box.seal(text))
  })

  it('makes the same API keys again from the same secret and salt, and others from others', () => {
    const keysOf = (secret: string, salt: string) => {
      const { fillRandom } = new SecretBox(secret, salt)
      return [makeKey(fillRandom), makeKey(fillRandom)]
    }
    expect(keysOf('token', 'salt')).toEqual(keysOf('token', 'salt'))
    const all = [...keysOf('token', 'salt'), ...keysOf('other', 'salt'), ...keysOf('token', 'other')]
    expect(new Set(all).size).toBe(6)
  })
})

describe('short ids', () => {
  it('are 12 characters of a-z and 0-9, each another, and the same again where they come from the same', () => {
    const ids = Array.from({ length: 10_000 }, () => newShortId(newId))
    for (const id of ids) expect(id).toMatch(/^[0-9a-z]{12}$/)
    expect(new Set(ids).size).toBe(10_000)
    // Each character stands at each place.
    for (let place = 0; place < 12; place++) expect(new Set(ids.map((id) => id[place])).size).toBe(36)
    expect(newShortId(idsFrom('seed'))).toBe(newShortId(idsFrom('seed')))
    expect(newShortId(idsFrom('seed'))).not.toBe(newShortId(idsFrom('other')))
  })
})

describe('ids from a seed', () => {
  it('are UUIDs, each another, and the same again from the same seed', () => {
    const idsOf = (seed: string) => {
      const newId = idsFrom(seed)
      return Array.from({ length: 100 }, () => newId())
    }
    const ids = idsOf('seed')
    expect(idsOf('seed')).toEqual(ids)
    expect(new Set([...ids, ...idsOf('other')]).size).toBe(200)
    for (const id of ids) {
      expect(id).toMatch(UUID)
      expect(id).toMatch(/^.{14}8.{4}[89ab]/)
    }
  })
})

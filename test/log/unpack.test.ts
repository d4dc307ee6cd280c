import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { gunzipped } from '../../src/http/unpack.ts'
import { bounded } from '../../src/log/import/bounded.ts'
import { piecesOf, utf8 } from './chunks.ts'

const unpacked = async (pieces: AsyncIterable<Uint8Array>): Promise<string> => {
  const parts: Uint8Array[] = []
  for await (const piece of pieces) parts.push(piece)
  return Buffer.concat(parts).toString()
}
setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void
/** Of what somebody still holds. */
const heldBytes = (): number => {
  collect()
  return process.memoryUsage().arrayBuffers
}
const text = Array.from({ length: 20_000 }, (_, i) => `{"id":"${(i * 7919) % 104_729}"}\n`).join('')

describe('a packed body', () => {
  it.each([[[]], [[1_000]], [[1, 7, 3]]])('is unpacked from pieces of %j', async (sizes: number[]) => {
    expect(await unpacked(gunzipped(piecesOf(gzipSync(text), sizes)))).toBe(text)
  })

  it('of two members is both', async () => {
    const two = Buffer.concat([gzipSync('a'), gzipSync('b')])
    expect(await unpacked(gunzipped(piecesOf(two, [5])))).toBe('ab')
  })

  it.each([
    ['that is none', utf8(text)],
    ['that is empty', new Uint8Array()],
    ['that is cut off', gzipSync(text).subarray(0, 10_000)],
    ['with a wrong sum', new Uint8Array(gzipSync(text)).fill(0, -8)],
  ])('%s is refused', async (_, bytes) => {
    await expect(unpacked(gunzipped(piecesOf(bytes, [4_096])))).rejects.toMatchObject({
      code: 'malformed_json',
    })
  })

  it('that breaks off with its sender is that error', async () => {
    async function* broken(): AsyncGenerator<Uint8Array> {
      yield gzipSync(text).subarray(0, 10_000)
      throw new Error('gone')
    }
    await expect(unpacked(gunzipped(broken()))).rejects.toThrow('gone')
  })

  it('that grows a thousand times is unpacked no further than it is read', async () => {
    const bomb = gzipSync(new Uint8Array(200_000_000))
    const before = heldBytes()
    let [bytes, pieces, most] = [0, 0, 0]
    const read = async () => {
      for await (const piece of bounded(gunzipped(piecesOf(bomb, [])), 50_000_000)) {
        bytes += piece.length
        if (pieces++ % 100 === 0) most = Math.max(most, heldBytes() - before)
        await new Promise((resolve) => setImmediate(resolve))
      }
    }
    await expect(read()).rejects.toMatchObject({ code: 'body_too_large' })
    expect(bytes).toBeLessThanOrEqual(50_000_000)
    expect(most).toBeLessThan(10_000_000)
  })

  it('is left when its reader goes, though its sender sends no more', async () => {
    async function* silent(): AsyncGenerator<Uint8Array> {
      yield gzipSync(text).subarray(0, 20_000)
      await new Promise(() => {})
    }
    for await (const _ of gunzipped(silent())) break
  })
})

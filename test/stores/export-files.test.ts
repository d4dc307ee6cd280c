// Files of exports beside the blocks: there as a whole or not at all, and out of reach of whoever looks for blocks.

import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { BlockStore } from '../../src/log/block-store.ts'
import type { ExportFiles } from '../../src/log/export/export-files.ts'
import { sweepBlocks } from '../../src/log/sweep-blocks.ts'
import { openFolderBlocks } from '../../src/stores/blocks/folder.ts'
import { FolderExportFiles } from '../../src/stores/blocks/folder-exports.ts'
import { PART_BYTES } from '../../src/stores/blocks/limits.ts'
import { R2BlockStore } from '../../src/stores/blocks/r2.ts'
import { type ExportBucket, r2ExportFiles } from '../../src/stores/blocks/r2-exports.ts'
import { s3ExportFiles } from '../../src/stores/blocks/s3-exports.ts'
import { openR2, s3Store } from '../support/block-stores.ts'
import { failure, type S3Server, startS3Server } from '../support/s3-server.ts'

type Opened = {
  files: ExportFiles
  blocks: BlockStore
  read(key: string): Promise<Uint8Array | null>
  /** Everything that there is: names, drafts and uploads that are under way. */
  left(): Promise<string[]>
  close(): Promise<void>
}

const inR2 = async (through: 'r2' | 's3'): Promise<Opened> => {
  const { bucket, s3, close } = await openR2()
  const own = bucket as typeof bucket & ExportBucket
  const { endpoint, bucket: name, account } = s3
  return {
    files: through === 'r2' ? r2ExportFiles(own) : s3ExportFiles({ endpoint, bucket: name, ...account }),
    blocks: through === 'r2' ? new R2BlockStore(bucket) : s3Store(s3),
    read: async (key) => {
      const found = await bucket.get(key)
      return found && new Uint8Array(await found.arrayBuffer())
    },
    left: async () =>
      (await bucket.list({ limit: 100 })).objects
        .map(({ key }) => key)
        .filter((key) => key !== 'tollgate-probe'),
    close,
  }
}

let s3: S3Server
const stores: { name: string; open: () => Promise<Opened> }[] = [
  { name: 'R2, in miniflare', open: () => inR2('r2') },
  { name: 'S3, as R2 speaks it in miniflare', open: () => inR2('s3') },
  {
    name: 'S3',
    open: async () => {
      s3 = await startS3Server()
      const { endpoint, bucket, account, objects, uploads } = s3
      return {
        files: s3ExportFiles({ endpoint, bucket, ...account }),
        blocks: s3Store(s3),
        read: async (key) => objects.get(key)?.content ?? null,
        left: async () => [...objects.keys(), ...uploads.keys()].filter((key) => key !== 'tollgate-probe'),
        close: s3.close,
      }
    },
  },
  {
    name: 'a folder',
    open: async () => {
      const folder = await mkdtemp(join(tmpdir(), 'tollgate-exports-'))
      const blocks = await openFolderBlocks(folder)
      return {
        files: new FolderExportFiles(folder),
        blocks,
        read: (key) => readFile(join(folder, key)).catch(() => null),
        left: async () =>
          (await readdir(folder, { recursive: true, withFileTypes: true }))
            .filter((entry) => entry.isFile())
            .map(({ name }) => name),
        close: () => rm(folder, { recursive: true, force: true }),
      }
    },
  },
]

const tenant = crypto.randomUUID()
const fresh = () => `${tenant}/2026-11-22/${crypto.randomUUID()}.csv`

const CHUNK = Buffer.from(Uint8Array.from({ length: 65_521 }, (_, i) => (i * 7 + (i >> 8)) & 255))

/** In chunks of another length than parts have, no two of them the same. */
async function* chunks(bytes: number, breaksAt = Number.POSITIVE_INFINITY): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes; at += CHUNK.length) {
    if (at >= breaksAt) throw new Error('the store of usage went away')
    const chunk = Buffer.from(CHUNK.subarray(0, Math.min(CHUNK.length, bytes - at)))
    if (chunk.length > 4) chunk.writeInt32LE(at)
    yield chunk
  }
}
async function whole(bytes: number): Promise<Buffer> {
  const all: Uint8Array[] = []
  for await (const chunk of chunks(bytes)) all.push(chunk)
  return Buffer.concat(all)
}

describe.each(stores)('files of exports in $name', ({ open }) => {
  let opened: Opened
  beforeAll(async () => {
    opened = await open()
  })
  afterAll(() => opened?.close())

  it.each([0, 70_000, PART_BYTES, PART_BYTES + 1, 2 * PART_BYTES + 12_345])(
    'have what was written, of %i bytes',
    async (bytes) => {
      const { key, bytes: written } = await opened.files.write(fresh(), chunks(bytes), 'text/csv')
      expect(written).toBe(bytes)
      expect(Buffer.from((await opened.read(key))!).equals(await whole(bytes))).toBe(true)
    },
  )

  it.each([0, 70_000, 2 * PART_BYTES])(
    'leave nothing behind if the content ends in an error at %i',
    async (at) => {
      const before = await opened.left()
      const writing = opened.files.write(fresh(), chunks(3 * PART_BYTES, at), 'text/csv')
      await expect(writing).rejects.toThrow('the store of usage went away')
      expect((await opened.left()).sort()).toEqual(before.sort())
    },
  )

  it('are no blocks: who lists and sweeps those doesn’t see them, however old they are', async () => {
    const { key } = await opened.files.write(fresh(), chunks(100), 'text/csv')
    const block = `1-${crypto.randomUUID()}/${tenant}/0-digest`
    await opened.blocks.put([{ name: block, content: new Uint8Array([1]) }])
    expect((await opened.blocks.list('', 100)).map(({ name }) => name)).toEqual([block])
    const swept = await sweepBlocks({
      clock: () => Date.now() + 1_000 * 86_400_000,
      limits: { keepSettledMs: 0 },
      counters: { knownSegments: async () => new Set() },
      blocks: opened.blocks,
      retention: {
        sweptTo: async () => '',
        noteSwept: async () => {},
        unnamed: async (names: string[]) => names,
      } as never,
    })
    expect(swept).toBe(1)
    expect(await opened.blocks.get([block])).toEqual([null])
    expect((await opened.read(key))!.length).toBe(100)
  })

  it('have names that lead nowhere else', async () => {
    for (const name of ['../x/y', 't//x', 't/./x', '/t/x', 't/x y/z'])
      await expect(opened.files.write(name, chunks(1), 'text/csv')).rejects.toThrow(RangeError)
  })
})

describe('a bucket that fails', () => {
  beforeAll(async () => {
    s3 = await startS3Server()
  })
  afterAll(() => s3.close())

  it.each([
    ['a part', (method: string) => method === 'PUT', 3 * PART_BYTES],
    ['the end of an upload', (method: string) => method === 'POST', 3 * PART_BYTES],
    ['a short file', (method: string) => method === 'PUT', 100],
  ])('by refusing %s keeps nothing, and says so by name', async (_, refuses, bytes) => {
    const { endpoint, bucket, account } = s3
    let begun = false
    s3.fault = (method) => {
      if (!refuses(method)) return undefined
      // An upload can begin.
      if (method === 'POST' && !begun) {
        begun = true
        return undefined
      }
      return failure(403, 'AccessDenied', 'no')
    }
    const files = s3ExportFiles({ endpoint, bucket, ...account })
    await expect(files.write(fresh(), chunks(bytes), 'text/csv')).rejects.toMatchObject({
      code: 'store_unavailable',
    })
    expect([...s3.objects.keys(), ...s3.uploads.keys()]).toEqual([])
  })

  it('after an answer that was lost, what it can’t vouch for is not there', async () => {
    const { endpoint, bucket, account } = s3
    let posts = 0
    s3.fault = (method) => (method === 'POST' && ++posts > 1 ? 'lose_reply' : undefined)
    const files = s3ExportFiles({ endpoint, bucket, ...account })
    await expect(files.write(fresh(), chunks(2 * PART_BYTES), 'text/csv')).rejects.toMatchObject({
      code: 'store_unavailable',
    })
    expect([...s3.objects.keys(), ...s3.uploads.keys()]).toEqual([])
  })
})

import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { BlockStore, NewBlock } from '../../src/log/block-store.ts'
import { BLOCK_BYTES, STATEMENT_BYTES } from '../../src/stores/blocks/limits.ts'
import { rows } from '../../src/stores/postgres/db.ts'
import { blockBackends, NAMES, type OpenBlockStore, unreachable } from '../support/block-stores.ts'
import { type PostgresBackend, postgresBackends } from '../support/postgres.ts'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const text = (content: Uint8Array | undefined): string => new TextDecoder().decode(content)

/** Every byte there is, over and over, and no run of them twice at one place. */
const allBytes = (length: number, seed = 1): Uint8Array =>
  Uint8Array.from({ length }, (_, i) => (i * seed + (i >> 8)) & 255)

const inByteOrder = (names: string[]): string[] => [...names].sort((a, b) => (a < b ? -1 : 1))

describe.each(blockBackends)('blocks in $name', ({ name: backend, open }) => {
  let opened: OpenBlockStore
  let store: BlockStore
  let segment: string

  beforeAll(async () => {
    opened = await open()
    store = opened.store
  })
  afterAll(() => opened?.close())

  const name = (part: string, tenant = 't') => `${segment}/${tenant}/${part}`
  const fresh = () => {
    segment = `1-${crypto.randomUUID()}`
  }
  const contentOf = async (one: string): Promise<string | null> => {
    const [block] = await store.get([one])
    return block === null ? null : text(block!.content)
  }

  it('are there once they are made, with the content that they were given', async () => {
    fresh()
    await store.put([
      { name: name('0-b'), content: bytes('second') },
      { name: name('0-a'), content: bytes('first') },
    ])
    const found = await store.get([name('0-a'), name('0-none'), name('0-b'), name('0-a')])
    expect(found.map((block) => block && text(block.content))).toEqual(['first', null, 'second', 'first'])
    expect(await opened.other.get([name('0-b')])).toEqual([found[2]])
    expect(await store.get([])).toEqual([])
    await store.put([])
  })

  it('stay what they are when they are made again, with the same content or another one', async () => {
    fresh()
    await store.put([{ name: name('a'), content: bytes('the first') }])
    const before = await store.get([name('a')])
    await opened.other.put([
      { name: name('a'), content: bytes('the second') },
      { name: name('b'), content: bytes('beside it') },
    ])
    expect(await store.get([name('a')])).toEqual(before)
    expect(await contentOf(name('b'))).toBe('beside it')
  })

  it('are one where several make them at one instant, for each of these', async () => {
    fresh()
    const makers = Array.from({ length: 8 }, (_, i) => (i % 2 === 0 ? store : opened.other))
    const seen = await Promise.all(
      makers.map(async (maker, i) => {
        await maker.put([{ name: name('a'), content: bytes(`maker ${i}`) }])
        return (await maker.get([name('a')]))[0]
      }),
    )
    expect(text(seen[0]!.content)).toMatch(/^maker \d$/)
    for (const block of seen) expect(block).toEqual(seen[0])
  })

  it('may be empty', async () => {
    fresh()
    await store.put([{ name: name('a'), content: new Uint8Array(0) }])
    await store.put([
      { name: name('b'), content: new Uint8Array(0) },
      { name: name('c'), content: bytes('c') },
      { name: name('d'), content: new Uint8Array(0) },
    ])
    const found = await store.get(['a', 'b', 'c', 'd'].map((part) => name(part)))
    expect(found.map((block) => block!.content)).toEqual([
      new Uint8Array(0),
      new Uint8Array(0),
      bytes('c'),
      new Uint8Array(0),
    ])
    expect(await store.replace(name('c'), found[2]!.version, new Uint8Array(0))).toBe(true)
    expect((await store.get([name('c')]))[0]!.content).toEqual(new Uint8Array(0))
  })

  it('keep every byte, also where their content is a part of a larger buffer', async () => {
    fresh()
    const large = allBytes(262_144)
    await store.put([
      { name: name('large'), content: large },
      { name: name('part'), content: large.subarray(7, 1_000) },
    ])
    const [whole, part] = await store.get([name('large'), name('part')])
    expect(Buffer.compare(whole!.content, large)).toBe(0)
    expect(Buffer.compare(part!.content, large.subarray(7, 1_000))).toBe(0)
    expect(whole!.content).toBeInstanceOf(Uint8Array)
  })

  it('are made and read together, however many bytes they have', async () => {
    fresh()
    const length = 1_000_000
    // More than two statements hold; others take one block a request.
    const count = backend.startsWith('Postgres') ? Math.ceil((2 * STATEMENT_BYTES) / length) : 2
    const blocks: NewBlock[] = Array.from({ length: count }, (_, i) => ({
      name: name(`part-${i}`),
      content: allBytes(length, i + 1),
    }))
    blocks.push({ name: name('most'), content: allBytes(BLOCK_BYTES, 3) })
    await store.put(blocks)
    const found = await store.get(blocks.map((block) => block.name))
    for (const [i, block] of blocks.entries())
      expect(Buffer.compare(found[i]!.content, block.content)).toBe(0)
    await store.remove(blocks.map((block) => block.name))
  })

  it('are replaced only by whom has seen them as they are', async () => {
    fresh()
    await store.put([{ name: name('a'), content: bytes('one') }])
    const [one] = await store.get([name('a')])
    expect(await opened.other.replace(name('a'), one!.version, bytes('two'))).toBe(true)
    const [two] = await store.get([name('a')])
    expect(text(two!.content)).toBe('two')
    expect(two!.version).not.toBe(one!.version)
    expect(await store.replace(name('a'), one!.version, bytes('three'))).toBe(false)
    expect(await contentOf(name('a'))).toBe('two')
    expect(await store.replace(name('none'), two!.version, bytes('three'))).toBe(false)
    expect(await contentOf(name('none'))).toBeNull()
  })

  it('are replaced by one of several that have seen them', async () => {
    fresh()
    await store.put([{ name: name('a'), content: bytes('seen by all') }])
    for (let round = 0; round < 5; round++) {
      const [seen] = await store.get([name('a')])
      const won = await Promise.all(
        Array.from({ length: 6 }, (_, i) =>
          (i % 2 === 0 ? store : opened.other).replace(name('a'), seen!.version, bytes(`${round} ${i}`)),
        ),
      )
      expect(won.filter((one) => one)).toHaveLength(1)
      expect(await contentOf(name('a'))).toBe(`${round} ${won.indexOf(true)}`)
    }
  })

  it('are removed, once and again, and may be made anew', async () => {
    fresh()
    await store.put(['a', 'b', 'c'].map((part) => ({ name: name(part), content: bytes(part) })))
    const [before] = await store.get([name('a')])
    await store.remove([name('a'), name('b'), name('none')])
    await store.remove([name('a')])
    await store.remove([])
    expect(
      (await store.get(['a', 'b', 'c'].map((part) => name(part)))).map((block) => block !== null),
    ).toEqual([false, false, true])
    expect(await store.replace(name('a'), before!.version, bytes('anew'))).toBe(false)
    await store.put([{ name: name('a'), content: bytes('anew') }])
    expect(await contentOf(name('a'))).toBe('anew')
  })

  it('are listed in byte order, a page after another, with the time when they were made', async () => {
    const began = Date.now()
    const root = `2-${crypto.randomUUID()}`
    // What a folder would sort otherwise: '-' and '.' stand before '/', capitals before small letters.
    const names = inByteOrder(
      [root, `${root}-`, `${root}.`, `${root}0`, `${root}A`, `${root}_`, `${root}a`].flatMap((of) =>
        ['t', 't-1', 't.1', 'T'].flatMap((tenant) => ['0-a', '0-B'].map((part) => `${of}/${tenant}/${part}`)),
      ),
    )
    await store.put(names.map((one) => ({ name: one, content: bytes(one) })))
    for (const size of [5, 21, names.length, 1_500]) {
      const found: string[] = []
      // Nothing else begins with this: names before it are none of ours, nor are those after the last.
      for (let after = `${root}/`; found.length < names.length; ) {
        const page = await store.list(after, size)
        expect(page.length).toBeLessThanOrEqual(size)
        if (page.length === 0) break
        found.push(...page.map((entry) => entry.name))
        after = page.at(-1)!.name
      }
      expect(found.filter((one) => one.startsWith(root))).toEqual(names.filter((one) => one > `${root}/`))
    }
    const all = await store.list('', 10_000)
    expect(all.map((entry) => entry.name)).toEqual(inByteOrder(all.map((entry) => entry.name)))
    expect(all.map((entry) => entry.name)).toEqual(expect.arrayContaining(names))
    const ours = all.filter((entry) => entry.name.startsWith(root))
    // A clock of another machine, and one that tells whole seconds.
    for (const { createdMs } of ours) {
      expect(createdMs).toBeGreaterThan(began - 5_000)
      expect(createdMs).toBeLessThan(Date.now() + 5_000)
    }
    expect(await store.list(all.at(-1)!.name, 10)).toEqual([])
  })

  it('are more than one request of a store lists or removes', async () => {
    const root = `3-${crypto.randomUUID()}`
    const names = Array.from({ length: 3 * NAMES + 5 }, (_, i) => `${root}/t/${String(i).padStart(4, '0')}`)
    await store.put(names.map((one) => ({ name: one, content: bytes('x') })))
    const found = await store.list(`${root}/`, 3 * NAMES)
    expect(found.map((entry) => entry.name)).toEqual(names.slice(0, 3 * NAMES))
    expect((await store.get(names)).every((block) => block !== null)).toBe(true)
    await store.remove(names)
    const left = await store.list(`${root}/`, 10)
    expect(left.filter((entry) => entry.name.startsWith(root))).toEqual([])
  })

  it('that were replaced are never older than they are', async () => {
    fresh()
    await store.put([{ name: name('a'), content: bytes('a') }])
    const [before] = await store.list(`${segment}/`, 1)
    const [seen] = await store.get([name('a')])
    await store.replace(name('a'), seen!.version, bytes('b'))
    const [after] = await store.list(`${segment}/`, 1)
    expect(after!.name).toBe(before!.name)
    expect(after!.createdMs).toBeGreaterThanOrEqual(before!.createdMs)
  })

  it.each([
    ['an empty name', ''],
    ['one part', 'a'],
    ['two parts', 'a/b'],
    ['four parts', 'a/b/c/d'],
    ['a part that is empty', 'a//c'],
    ['a way out', '../../etc'],
    ['a way out at its end', 'a/b/..'],
    ['a place in itself', 'a/./c'],
    ['another system’s way out', 'a/..\\..\\b/c'],
    ['a break', 'a/b/c\nd'],
    ['a break at its end', 'a/b/c\n'],
    ['a NUL', 'a/b/c\0'],
    ['a letter outside ASCII', 'a/b/é'],
    ['a part that no file may be called', `a/b/${'c'.repeat(201)}`],
  ])('are not called %s', async (_, wrong) => {
    const content = bytes('x')
    await expect(store.put([{ name: wrong, content }])).rejects.toThrow(RangeError)
    await expect(store.get([wrong])).rejects.toThrow(RangeError)
    await expect(store.replace(wrong, 'v', content)).rejects.toThrow(RangeError)
    await expect(store.remove([wrong])).rejects.toThrow(RangeError)
    if (/[^\w./-]/.test(wrong)) await expect(store.list(wrong, 1)).rejects.toThrow(RangeError)
  })

  it('have a bound, beyond which none is made or changed', async () => {
    fresh()
    const content = new Uint8Array(BLOCK_BYTES + 1)
    await store.put([{ name: name('a'), content: bytes('a') }])
    const [seen] = await store.get([name('a')])
    await expect(store.put([{ name: name('b'), content }])).rejects.toThrow(RangeError)
    await expect(store.replace(name('a'), seen!.version, content)).rejects.toThrow(RangeError)
    expect(await contentOf(name('b'))).toBeNull()
    expect(await contentOf(name('a'))).toBe('a')
  })
})

describe.each(postgresBackends)('contents of blocks on $name', ({ open }) => {
  let backend: PostgresBackend
  beforeAll(async () => {
    backend = await open()
  })
  afterAll(() => backend?.close())

  it('are compressed already, and stand outside of the rows as they are', async () => {
    const found = await rows(
      backend.db,
      sql`select attstorage::text as storage from pg_attribute
        where attrelid = 'log_contents'::regclass and attname = 'content'`,
    )
    expect(found).toEqual([{ storage: 'e' }])
  })
})

describe.each(unreachable)('a store of blocks that can’t be reached: $name', ({ open }) => {
  const block = { name: 'a/b/c', content: bytes('content') }

  it.each<[string, (store: BlockStore) => Promise<unknown>]>([
    ['put', (store) => store.put([block])],
    ['get', (store) => store.get([block.name])],
    ['replace', (store) => store.replace(block.name, crypto.randomUUID(), block.content)],
    ['remove', (store) => store.remove([block.name])],
    ['list', (store) => store.list('', 1)],
  ])('%s says store_unavailable, and no secret', async (_, call) => {
    const error = await call(await open()).catch((failure: unknown) => failure)
    expect(error).toMatchObject({ code: 'store_unavailable', retryAfterSeconds: expect.any(Number) })
    expect((error as Error).message).not.toContain('hunter2')
  })
})

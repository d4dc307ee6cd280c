// The writer: what a segment logged is in its blocks, each event once; the same log makes the same blocks, and another cut others.

import fc from 'fast-check'
import { beforeEach, describe, expect, it } from 'vitest'
import { deflate } from '../../src/kernel/deflate.ts'
import { blockText, packed, readBlock } from '../../src/log/block.ts'
import type { BlockStoreKind, NewBlock, StoredBlock } from '../../src/log/block-store.ts'
import { customerHash, idHash } from '../../src/log/hashes.ts'
import { BLOCK_BYTES, BLOCK_EVENTS, BLOCK_SPAN_MICROS } from '../../src/log/limits.ts'
import { liveEntries } from '../../src/log/read-blocks.ts'
import { BlockWriter, entriesKept } from '../../src/log/write-blocks.ts'
import type { LoggedCall } from '../../src/metering/logged.ts'
import type { SegmentRef, WrittenLog } from '../../src/metering/ports.ts'
import { MemoryBlockStore } from '../support/memory-blocks.ts'
import { anyCall, callOf, eventOf, listOf, loggedCalls, NOW_MICROS } from './logged-calls.ts'

const segment: SegmentRef = { id: '1-a', partition: 0, bornMs: 0, quarantined: null, offer: '0' }
const logs = fc.array(anyCall, { minLength: 1, maxLength: 12 }).map(loggedCalls)

/** A store in memory that notes what it is given, and is of any kind. */
class Noting extends MemoryBlockStore {
  readonly puts: NewBlock[] = []
  override readonly kind: BlockStoreKind

  constructor(kind: BlockStoreKind) {
    super()
    this.kind = kind
  }

  override async put(blocks: NewBlock[]): Promise<void> {
    this.puts.push(...blocks)
    await super.put(blocks)
  }
}

let store: Noting
let writer: BlockWriter
const use = (kind: BlockStoreKind) => {
  store = new Noting(kind)
  writer = new BlockWriter(store)
}
beforeEach(() => use('folder'))

const bytesOf = (block: StoredBlock | null) => Buffer.from(block!.content).toString('base64')

const write = (log: LoggedCall[], of = segment) => writer.write(of, { log, kept: null })

const entriesIn = async ({ rows }: WrittenLog, tenantId: string, from = store) => {
  const found = await from.get(rows.filter((row) => row.tenantId === tenantId).map(({ name }) => name))
  return found.flatMap((block) => readBlock(block!.content).entries)
}

/** One call a tenant and second, of so many small events. */
const callsOf = (each: number[], tenantId = 't1', afterMicros = 1_000_000): LoggedCall[] =>
  each.map((events, call) =>
    callOf(
      Array.from({ length: events }, (_, i) => small(`${call}-${i}`)),
      { tenantId, receivedMicros: NOW_MICROS + call * afterMicros },
      listOf(1),
    ),
  )
const small = (id: string, properties = {}) =>
  eventOf({ id, customer_id: 'c', resource_type: 't', timestamp: '2026-10-22T00:00:00Z', properties })

describe('what a segment logged', () => {
  it('is in its blocks, each event once, by tenant and in the order of arrival', async () => {
    await fc.assert(
      fc.asyncProperty(logs, async (log) => {
        use('folder')
        const written = await write(log)
        for (const tenant of ['t1', 't2']) {
          const calls = log.filter(({ tenantId }) => tenantId === tenant)
          expect(await entriesIn(written, tenant)).toEqual(liveEntries(calls))
        }
      }),
      { numRuns: 150 },
    )
  })

  it('is in the index as it is in the blocks', async () => {
    await fc.assert(
      fc.asyncProperty(logs, async (log) => {
        use('folder')
        const { rows } = await write(log)
        for (const row of rows) {
          const [block] = await store.get([row.name])
          const { entries } = readBlock(block!.content)
          const by = (of: (entry: (typeof entries)[number]) => number) => entries.map(of)
          const span = (of: (entry: (typeof entries)[number]) => number) => [
            Math.min(...by(of)),
            Math.max(...by(of)),
          ]
          const { tenantId } = row
          expect(row).toMatchObject({ store: 'folder', events: entries.length, bytes: block!.content.length })
          expect(row.receivedMicros).toEqual(span(({ receivedMicros }) => receivedMicros))
          expect(row.timestampMs).toEqual(span(({ timestampMs }) => timestampMs))
          expect(row.ids).toEqual(by(({ id }) => idHash(tenantId, id)))
          expect(new Set(row.customers)).toEqual(
            new Set(entries.map(({ customerId }) => customerHash(tenantId, customerId))),
          )
          const types = new Map(Object.entries(row.lists))
          expect(new Set(types.keys())).toEqual(new Set(entries.map(({ resourceType }) => resourceType)))
          for (const { resourceType, meters } of entries)
            expect(types.get(resourceType)).toContainEqual(meters)
          expect([...types.values()].flat()).toHaveLength(
            new Set(entries.map(({ resourceType, meters }) => JSON.stringify([resourceType, meters]))).size,
          )
        }
      }),
      { numRuns: 150 },
    )
  })

  it('makes the same blocks and rows however often it is written, and those of another segment have other names', async () => {
    await fc.assert(
      fc.asyncProperty(logs, async (log) => {
        use('folder')
        const first = await write(log)
        const contents = await store.get(first.rows.map(({ name }) => name))
        use('folder')
        expect(await write(log)).toEqual(first)
        const again = await store.get(first.rows.map(({ name }) => name))
        expect(again.map(bytesOf)).toEqual(contents.map(bytesOf))
        const names = new Set(first.rows.map(({ name }) => name))
        expect(names.size).toBe(first.rows.length)
        const others = await write(log, { ...segment, id: '1-b' })
        expect(others.rows.filter(({ name }) => names.has(name))).toEqual([])
      }),
      { numRuns: 80 },
    )
  })

  it('makes no block of nothing', async () => {
    expect(await write([])).toEqual({ rows: [], kept: null })
    expect(store.puts).toEqual([])
  })
})

describe('a block', () => {
  it.each([
    [1, [1]],
    [BLOCK_EVENTS, [BLOCK_EVENTS]],
    [BLOCK_EVENTS + 1, [BLOCK_EVENTS, 1]],
    [3 * BLOCK_EVENTS, [BLOCK_EVENTS, BLOCK_EVENTS, BLOCK_EVENTS]],
  ])('of %i events in one call is cut by number', async (events, cut) => {
    const { rows } = await write(callsOf([events]))
    expect(rows.map((row) => row.events)).toEqual(cut)
    expect(rows.map(({ name }) => name.replace(/-[^/-]*$/, ''))).toEqual(
      cut.map((_, part) => expect.stringMatching(new RegExp(`^1-a/t1/${part}`))),
    )
  })

  it('is cut by size, and one event that is larger is alone', async () => {
    const bytes = (size: number) => small('e', { text: 'x'.repeat(size) })
    const third = Math.floor(BLOCK_BYTES / 3)
    const sizes = [third, third, third, BLOCK_BYTES + 1, 1, 1]
    const log = [callOf(sizes.map(bytes), { tenantId: 't1', receivedMicros: NOW_MICROS }, [])]
    // A line is longer than its text: three thirds are more than one.
    expect((await write(log)).rows.map((row) => row.events)).toEqual([2, 1, 1, 2])
  })

  it('lasts no longer than it may', async () => {
    const at = (...micros: number[]) =>
      micros.map((after, i) =>
        callOf([small(`${i}`)], { tenantId: 't1', receivedMicros: NOW_MICROS + after }, []),
      )
    const { rows } = await write(at(0, BLOCK_SPAN_MICROS, BLOCK_SPAN_MICROS + 1, 2 * BLOCK_SPAN_MICROS + 2))
    expect(rows.map((row) => row.events)).toEqual([2, 1, 1])
    for (const { receivedMicros } of rows)
      expect(receivedMicros[1] - receivedMicros[0]).toBeLessThanOrEqual(BLOCK_SPAN_MICROS)
  })

  it('is of one tenant, and counts its parts', async () => {
    const log = [...callsOf([2, 3], 't1'), ...callsOf([BLOCK_EVENTS + 1], 't2')]
    const { rows } = await write(log)
    expect(rows.map(({ tenantId, events }) => [tenantId, events])).toEqual([
      ['t1', 5],
      ['t2', BLOCK_EVENTS],
      ['t2', 1],
    ])
  })

  it('has another name where it is cut elsewhere: a run that ended early made none that another one takes for its own', async () => {
    const log = callsOf([3, 4, 5])
    const whole = (await write(log)).rows
    const calls = []
    for (const call of log) calls.push(...(await write([call])).rows)
    const names = [...whole, ...calls].map(({ name }) => name)
    expect(new Set(names).size).toBe(names.length)
    // Each of them has what its row says: none stands in the place of another.
    for (const row of [...whole, ...calls])
      expect(await entriesIn({ rows: [row], kept: null }, 't1')).toHaveLength(row.events)
  })
})

describe.each(['postgres', 'folder'] as const)('what is kept, with blocks in %s', (kind) => {
  beforeEach(() => use(kind))

  it('makes the same rows again, and the blocks where those were put back with them', async () => {
    await fc.assert(
      fc.asyncProperty(logs, async (log) => {
        use(kind)
        const first = await write(log)
        const [before, contents] = [store, await store.get(first.rows.map(({ name }) => name))]
        // What Redis keeps is a text; nothing else comes along.
        use(kind)
        const again = await writer.write(segment, { log: [], kept: `${first.kept}` })
        expect(again).toEqual(first)
        const found = (kind === 'postgres' ? store : before).get(again.rows.map(({ name }) => name))
        expect((await found).map(bytesOf)).toEqual(contents.map(bytesOf))
        expect(store.puts).toHaveLength(kind === 'postgres' ? first.rows.length : 0)
        expect((await writer.write(segment, { log: [], kept: again.kept })).kept).toBe(first.kept)
      }),
      { numRuns: 60 },
    )
  })

  it('holds the events of each tenant', async () => {
    await fc.assert(
      fc.asyncProperty(logs, async (log) => {
        use(kind)
        const { kept } = await write(log)
        for (const tenant of ['t1', 't2', 't3']) {
          const calls = log.filter(({ tenantId }) => tenantId === tenant)
          expect(await entriesKept(store, tenant, kept!)).toEqual(liveEntries(calls))
        }
      }),
      { numRuns: 60 },
    )
  })

  it('goes before what is logged: a segment that was settled has no log', async () => {
    const { kept, rows } = await write(callsOf([2]))
    expect((await writer.write(segment, { log: callsOf([5]), kept })).rows).toEqual(rows)
  })
})

describe('a block in the store that is there already', () => {
  it('stays as it is', async () => {
    const log = callsOf([2])
    const [row] = (await write(log)).rows
    const [before] = await store.get([row!.name])
    await store.replace(row!.name, before!.version, packed(blockText([])))
    await write(log)
    const [after] = await store.get([row!.name])
    expect(readBlock(after!.content).entries).toEqual([])
  })

  it('of another format is refused where it is read', async () => {
    const { kept, rows } = await write(callsOf([2]))
    const [before] = await store.get([rows[0]!.name])
    const other = deflate(new TextEncoder().encode('{"format":2,"lists":[],"erased":[]}'))
    await store.replace(rows[0]!.name, before!.version, other)
    await expect(entriesKept(store, 't1', kept!)).rejects.toThrow('A block of format 2 was found')
  })
})

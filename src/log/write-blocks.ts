// From what a segment logged to blocks, and the rows of the index that say what is in them. It runs before the segment is
// settled, any number of times: the same log makes the same blocks.

import { base64, bytesOfBase64 } from '../kernel/base64.ts'
import { digest128 } from '../kernel/digest.ts'
import { headOfLine, type Lists, type LoggedCall } from '../metering/logged.ts'
import type { BlockRow, SegmentContent, SegmentLog, SegmentRef, WrittenLog } from '../metering/ports.ts'
import { type BlockLine, blockText, packed, readBlock } from './block.ts'
import type { BlockStore, NewBlock } from './block-store.ts'
import type { LogEntry } from './entry.ts'
import { customerHash, idHash } from './hashes.ts'
import { BLOCK_BYTES, BLOCK_EVENTS, BLOCK_SPAN_MICROS } from './limits.ts'

/** What a settled segment keeps in place of its log: rows, and, where blocks are in Postgres, the blocks themselves. */
type Kept = { row: BlockRow; content?: string }[]

export class BlockWriter implements SegmentLog {
  readonly #store: BlockStore

  constructor(store: BlockStore) {
    this.#store = store
  }

  async write(segment: SegmentRef, { log, kept }: Pick<SegmentContent, 'log' | 'kept'>): Promise<WrittenLog> {
    if (kept !== null) return { rows: await this.#writeAgain(JSON.parse(kept) as Kept), kept }
    if (log.length === 0) return { rows: [], kept: null }
    const blocks = blocksOf(segment.id, log, this.#store.kind)
    await this.#store.put(blocks)
    // Who can be put back together with the index has to be given the blocks again, too.
    const withContent = this.#store.kind === 'postgres'
    const toKeep: Kept = blocks.map(({ row, content }) =>
      withContent ? { row, content: base64(content) } : { row },
    )
    return { rows: blocks.map(({ row }) => row), kept: JSON.stringify(toKeep) }
  }

  async #writeAgain(kept: Kept): Promise<BlockRow[]> {
    const blocks = kept.flatMap(({ row, content }) =>
      content === undefined ? [] : [{ name: row.name, content: bytesOfBase64(content) }],
    )
    if (blocks.length > 0) await this.#store.put(blocks)
    return kept.map(({ row }) => row)
  }
}

/** The events of one tenant in what a settled segment keeps. */
export async function entriesKept(store: BlockStore, tenantId: string, kept: string): Promise<LogEntry[]> {
  const entries: LogEntry[] = []
  for (const { row, content } of JSON.parse(kept) as Kept) {
    if (row.tenantId !== tenantId) continue
    const bytes = content === undefined ? (await store.get([row.name]))[0]?.content : bytesOfBase64(content)
    if (bytes) entries.push(...readBlock(bytes).entries)
  }
  return entries
}

type MadeBlock = NewBlock & { row: BlockRow }

function blocksOf(segment: string, log: LoggedCall[], store: string): MadeBlock[] {
  const ofTenants = Map.groupBy(log, (call) => call.tenantId)
  return [...ofTenants].flatMap(([tenantId, calls]) =>
    [...parts(calls)].map((part, number) => blockOf(part, { segment, tenantId, number, store })),
  )
}

/** Cut by number, by size and by time. */
function* parts(calls: LoggedCall[]): Generator<BlockLine[]> {
  let [part, size]: [BlockLine[], number] = [[], 0]
  const isFull = (one: BlockLine) =>
    part.length >= BLOCK_EVENTS ||
    size + one.line.length > BLOCK_BYTES ||
    one.receivedMicros - part[0]!.receivedMicros > BLOCK_SPAN_MICROS
  for (const { receivedMicros, text } of calls) {
    const [first, ...lines] = text.split('\n')
    const lists = JSON.parse(first!) as Lists
    for (const line of lines) {
      const one = { receivedMicros, lists, line }
      if (part.length > 0 && isFull(one)) {
        yield part
        ;[part, size] = [[], 0]
      }
      part.push(one)
      size += line.length
    }
  }
  if (part.length > 0) yield part
}

type Place = { segment: string; tenantId: string; number: number; store: string }

function blockOf(lines: BlockLine[], { segment, tenantId, number, store }: Place): MadeBlock {
  const text = blockText(lines)
  const content = packed(text)
  const name = `${segment}/${tenantId}/${number}-${digest128(text)}`
  return {
    name,
    content,
    row: { name, store, tenantId, bytes: content.length, ...contents(tenantId, lines) },
  }
}

/** What the index says of what is in a block. */
export function contents(
  tenantId: string,
  lines: BlockLine[],
): Pick<BlockRow, 'events' | 'receivedMicros' | 'timestampMs' | 'lists' | 'customers' | 'ids'> {
  const customers = new Map<string, string>()
  const lists = new Map<string, Map<string, string[]>>()
  const ids: number[] = []
  let [from, to, earliest, latest] = [Infinity, -Infinity, Infinity, -Infinity]
  for (const { receivedMicros, lists: ofCall, line } of lines) {
    const { id, customerId, resourceType, timestampMs } = headOfLine(line)
    if (!customers.has(customerId)) customers.set(customerId, customerHash(tenantId, customerId))
    ids.push(idHash(tenantId, id))
    const list = ofCall[resourceType] ?? []
    let ofType = lists.get(resourceType)
    if (ofType === undefined) {
      ofType = new Map()
      lists.set(resourceType, ofType)
    }
    ofType.set(list.join(), list)
    from = Math.min(from, receivedMicros)
    to = Math.max(to, receivedMicros)
    earliest = Math.min(earliest, timestampMs)
    latest = Math.max(latest, timestampMs)
  }
  return {
    events: lines.length,
    receivedMicros: [from, to],
    timestampMs: [earliest, latest],
    lists: Object.fromEntries([...lists].map(([type, ofType]) => [type, [...ofType.values()]])),
    customers: [...customers.values()],
    ids,
  }
}

// Events out of blocks.

import { TollgateError } from '../kernel/errors.ts'
import type { Lists, LoggedCall } from '../metering/logged.ts'
import { type Block, logEntry, readBlock } from './block.ts'
import type { BlockStore } from './block-store.ts'
import type { LogEntry } from './entry.ts'
import type { FoundBlock } from './ports.ts'

/** In the order of the blocks. Throws store_unavailable for one that is not there, or that another store has. */
export async function readBlocks(store: BlockStore, blocks: FoundBlock[]): Promise<Block[]> {
  for (const block of blocks) if (block.store !== store.kind) throw elsewhere(block, store)
  const found = await store.get(blocks.map(({ name }) => name))
  return found.map((one, i) => {
    if (one === null) throw missing(blocks[i]!)
    return readBlock(one.content)
  })
}

/** The events of calls that are not settled yet. */
export function liveEntries(calls: LoggedCall[]): LogEntry[] {
  return calls.flatMap(({ receivedMicros, text }) => {
    const [first, ...lines] = text.split('\n')
    const lists = JSON.parse(first!) as Lists
    return lines.map((line) => logEntry(receivedMicros, lists, line))
  })
}

const missing = ({ name }: FoundBlock) =>
  new TollgateError('store_unavailable', 'A part of the event log can’t be read at present.', {
    retryAfterSeconds: 60,
    internal: `The block ${name} is in the index, and not in its store`,
  })

const elsewhere = ({ name, store }: FoundBlock, here: BlockStore) =>
  new TollgateError('store_unavailable', 'A part of the event log is in another store than the one in use.', {
    internal: `The block ${name} is in ${store}, and EVENT_LOG is ${here.kind}`,
  })

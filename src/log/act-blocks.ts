// Reading what an act is computed from: some blocks at a time, so that memory stays flat.

import type { Act } from './act.ts'
import type { CorrectionStore } from './act-ports.ts'
import type { Block } from './block.ts'
import type { BlockStore } from './block-store.ts'
import { ACT_BLOCKS_AT_ONCE } from './limits.ts'
import type { FoundBlock } from './ports.ts'
import { readBlocks } from './read-blocks.ts'

export type ActServices = { blocks: BlockStore; corrections: CorrectionStore }

export async function* blocksOf(
  store: BlockStore,
  blocks: FoundBlock[],
): AsyncGenerator<[FoundBlock, Block]> {
  for (let i = 0; i < blocks.length; i += ACT_BLOCKS_AT_ONCE) {
    const some = blocks.slice(i, i + ACT_BLOCKS_AT_ONCE)
    const contents = await readBlocks(store, some)
    for (const [j, block] of some.entries()) yield [block, contents[j]!]
  }
}

export const actsOn = (block: string, acts: readonly Act[]): Act[] =>
  acts.filter((act) => act.blocks.has(block))

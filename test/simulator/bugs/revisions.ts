// Bugs of revisions, and of replay.

import { blockText, linesOfBlock, packed } from '../../../src/log/block.ts'
import type { BlockStore } from '../../../src/log/block-store.ts'
import { fillMeters } from '../../../src/log/fill-meters.ts'
import type { Bug } from '../bug.ts'
import { replaced } from './replaced.ts'

/** Blocks whose events no meter counted. */
const unlisted = (real: BlockStore): BlockStore =>
  replaced(real, {
    get: async (names) =>
      (await real.get(names)).map((block) => {
        if (block === null) return null
        const { lines, erased } = linesOfBlock(block.content)
        const content = packed(
          blockText(
            lines.map((one) => ({ ...one, lists: {} })),
            erased,
          ),
        )
        return { ...block, content }
      }),
  })

export const revisionBugs: Bug[] = [
  {
    name: 'switched too early',
    what: 'a revision is switched to while a live list lacks it',
    replays: (real) =>
      replaced(real, {
        owed: async (of, wanted) => {
          const owed = await real.owed(of, wanted)
          return owed && { ...owed, unsettled: 0 }
        },
      }),
  },
  {
    name: 'counted live and replayed',
    what: 'a replay takes events that were counted when they were recorded',
    fill: (services, options) =>
      fillMeters({ ...services, blocks: services.blocks && unlisted(services.blocks) }, options),
  },
  {
    name: 'all hours at once',
    what: 'hours from before its instant are read from a revision, too',
    sql: (statement) =>
      statement.replace(
        "set filling = false, state = case when erased then 'cancelled'",
        "set filling = false, reads_from = '-infinity', state = case when erased then 'cancelled'",
      ),
  },
]

// Bugs of imports.

import type { Bug } from '../bug.ts'
import { replaced } from './replaced.ts'

export const importBugs: Bug[] = [
  {
    name: 'an import counted twice',
    what: 'an import asks Redis alone which of its events are there already, and not the log',
    logIndex: (real) =>
      replaced(real, {
        findBlocksWith: async (tenantId, ids, segments) => ({
          ...(await real.findBlocksWith(tenantId, ids, segments)),
          blocks: [],
        }),
      }),
  },
  {
    name: 'history is billed',
    what: 'what was imported as history is read with all the rest, whoever asks',
    usage: (real) =>
      replaced(real, { totals: (query, live) => real.totals({ ...query, history: true }, live) }),
  },
]

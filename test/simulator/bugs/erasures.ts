// Bugs of erasure.

import type { Bug } from '../bug.ts'
import { replaced } from './replaced.ts'

const replacing =
  (what: string, by: string) =>
  (statement: string): string =>
    statement.replace(what, () => by)

export const erasureBugs: Bug[] = [
  {
    name: 'a hot block is left',
    what: 'an erasure is done when the blocks of now are, and what is settled later is not looked at again',
    sql: replacing('set seq = seq + 1, done_at = null', 'set seq = seq + 1'),
    erasures: (real) => replaced(real, { finish: () => real.finish([]) }),
  },
  {
    name: 'erased, then written by a late flush',
    what: 'a run of the aggregator writes its blocks over those that are there',
    sql: (statement) =>
      statement.includes('insert into log_contents')
        ? statement.replace(
            'on conflict (name) do nothing',
            'on conflict (name) do update set content = excluded.content',
          )
        : statement,
  },
  {
    name: 'erased events back from a restored Postgres',
    what: 'a Postgres that was put back is not offered the erasures that Redis knows of',
    counters: (real) => replaced(real, { notedErasures: async () => [] }),
  },
  {
    name: 'erased at the next flush',
    what: 'a read shows what is to be erased until it is out of its block',
    logIndex: (real) =>
      replaced(real, {
        findBlocks: async (query, segments) => ({ ...(await real.findBlocks(query, segments)), erased: [] }),
      }),
  },
  {
    name: 'erased before it is counted',
    what: 'a block that a meter owes is rewritten before it is counted into it',
    sql: replacing(
      'and not exists (select 1 from meters where filling and',
      'and not exists (select 1 from meters where false and',
    ),
  },
]

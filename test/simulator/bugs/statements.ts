// Bugs in what Postgres runs, and in the bounds.

import type { Bug } from '../bug.ts'

export const statementBugs: Bug[] = [
  {
    name: 'no segment id',
    what: 'a segment is merged into the totals whether the ledger has it or not',
    sql: (statement) => statement.replace('where exists (select 1 from applied)', 'where true'),
  },
  {
    name: 'a bill without the ledger',
    what: 'a read adds what Redis has, whether Postgres has it already or not',
    sql: (statement) =>
      statement.replace('not exists (select 1 from segments where segments.id = live.s)', 'true'),
  },
  {
    name: 'settled max replaces',
    what: 'a settled maximum is overwritten by the one that comes later',
    sql: (statement) =>
      statement.replace("when 'max' then greatest(usage.a, excluded.a)", "when 'max' then excluded.a"),
  },
  {
    name: 'no fence',
    what: 'a segment is written to at any age and settled at once, though Redis can come back from the past',
    limits: { segmentMaxAgeMs: Number.POSITIVE_INFINITY, settleAfterMs: 0 },
  },
  {
    name: 'settled segments not kept',
    what: 'a settled segment is gone from Redis at once, and with it what a Postgres that is put back has lost',
    limits: { keepSettledMs: 0 },
  },
]

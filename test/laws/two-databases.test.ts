// The laws once more, with the counters in two databases and every tenant spread over both by customer: the same tests, and those of
// the log. What looks at one Redis by nature (its snapshots, its file, its wire) is not among them.

import { describe } from 'vitest'
import { real } from '../support/redis.ts'
import { spreadOverTwo } from '../support/two-databases.ts'

spreadOverTwo()

/** In every run; the others on real servers. */
const laws = {
  exactness: () => import('./exactness.test.ts'),
  log: () => import('./log.test.ts'),
  reconciliation: () => import('./reconciliation.test.ts'),
  'log, counted again': () => import('./log-recounted.test.ts'),
  corrections: () => import('../log/corrections.test.ts'),
  erasure: () => import('../log/erasure.test.ts'),
  revisions: () => import('../log/revisions.test.ts'),
}
const others = {
  imports: () => import('./imports.test.ts'),
  'the counter store': () => import('../stores/counter-store.test.ts'),
  history: () => import('./history.test.ts'),
  merges: () => import('./merges.test.ts'),
  'meter ids': () => import('./meter-ids.test.ts'),
  spans: () => import('./spans.test.ts'),
  'dry runs': () => import('../log/dry-run.test.ts'),
  'entering acts': () => import('../log/entering-acts.test.ts'),
  'acts offered again': () => import('../log/offered-acts.test.ts'),
  'replayed acts': () => import('../log/replay-acts.test.ts'),
  replay: () => import('../log/replay.test.ts'),
  retention: () => import('../log/retention.test.ts'),
  'revisions, erased': () => import('../log/revisions-erased.test.ts'),
}

describe.each(Object.entries({ ...laws, ...(real && others) }))('on two databases: %s', async (_, load) => {
  await load()
})

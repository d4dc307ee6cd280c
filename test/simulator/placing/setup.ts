// What a schedule of tenants in several databases begins with.

import fc from 'fast-check'
import { setupArbitrary } from '../plan.ts'
import { DATABASES_MOST } from '../stores.ts'

export const placedSetupArbitrary = fc
  .record({
    counting: setupArbitrary,
    databases: fc.constantFrom(...Array.from({ length: DATABASES_MOST }, (_, n) => n + 1), 2),
    /** whether tenants may be spread: then an id is one customer's */
    spreads: fc.boolean(),
    /** whether Postgres says where tenants are; else, as for those from before there were placements, a hash of their ids does */
    werePlaced: fc.constantFrom(true, true, false),
  })
  .map(({ counting, ...more }) => ({ ...counting, ...more }))
export type PlacedSetup = typeof placedSetupArbitrary extends fc.Arbitrary<infer T> ? T : never

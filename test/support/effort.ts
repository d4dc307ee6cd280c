// How much a run tries. `npm test` is to be quick: of what is drawn by chance, or cut off at every step, it tries a part. With
// `TEST_EFFORT=full`, as in CI, all of it is tried.

import { runs } from './two-databases.ts'

export const isFull = process.env.TEST_EFFORT === 'full'

/** How many cases of a property. */
export const cases = (quick: number, full: number): { numRuns: number } => ({
  numRuns: runs(isFull ? full : quick),
})

/** From one step at which something is cut off to the next one. */
export const STRIDE = isFull ? 1 : 3

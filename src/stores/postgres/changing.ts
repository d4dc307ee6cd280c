// A change that found the catalog changed under it is run again.

import { TollgateError } from '../../kernel/errors.ts'

const TRIES = 8

/** Runs the statement until it gives an outcome; null: another change came in between. */
export async function changing<Outcome>(run: () => Promise<Outcome | null>): Promise<Outcome> {
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const outcome = await run()
    if (outcome !== null) return outcome
  }
  throw new TollgateError(
    'store_unavailable',
    'Too many changes at this moment. Send the same request again.',
    {
      retryAfterSeconds: 1,
    },
  )
}

// What to throw where a store of blocks can't be reached, or does not work.

import { TollgateError } from '../../kernel/errors.ts'

const RETRY_AFTER_SECONDS = 5

/** `internal`: for the log alone. */
export const outOfReach = (internal: unknown): TollgateError =>
  new TollgateError(
    'store_unavailable',
    'The store of the event log can’t be reached at present. Send the same request again.',
    { retryAfterSeconds: RETRY_AFTER_SECONDS, internal },
  )

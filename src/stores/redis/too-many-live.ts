// What a read is answered that would bring too many counters from Redis.

import { TollgateError } from '../../kernel/errors.ts'
import { LIVE_COUNTERS_PER_READ } from '../../metering/limits.ts'

export const tooManyLive = (): TollgateError =>
  new TollgateError(
    'too_many_counters',
    `More than ${LIVE_COUNTERS_PER_READ} counters of these customers wait to be settled, or very long ones. Ask for fewer customers, or again in a minute.`,
    { retryAfterSeconds: 60 },
  )

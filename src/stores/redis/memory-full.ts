// When Redis has no memory left it refuses what would take some. Recording says so, and what takes it.

import { TollgateError } from '../../kernel/errors.ts'

/** As Redis says it, and as Upstash says that a database's capacity is used up. */
const OUT_OF_MEMORY = /\bOOM command not allowed|capacity quota exceeded/

/** The error, or what is to be said in its place. */
export function saidOfMemory(error: unknown): unknown {
  const cause = error instanceof TollgateError ? error.cause : null
  if (!(cause instanceof Error && OUT_OF_MEMORY.test(cause.message))) return error
  return new TollgateError(
    'memory_full',
    'The counter store’s memory is full: mostly of the ids of events, each known for its window, and of what waits to be settled. It takes events again when settling has freed some, within a minute or two, or when ids have passed their window. More memory helps, or a shorter `dedupe_window_hours`. Send the same request again: an event with an id counts once.',
    { retryAfterSeconds: 60, internal: cause },
  )
}

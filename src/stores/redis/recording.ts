// How a batch comes to the record script: by itself, joined with others, or through what stands before it.

import { TollgateError } from '../../kernel/errors.ts'
import type { PlacedBatch, PlacedOutcome } from '../../metering/placement/record-placed.ts'
import { coalesced, type Send } from './coalesce.ts'
import { scriptFailed } from './script.ts'

type RecordCall = (batch: PlacedBatch) => Promise<PlacedOutcome>

export type Recording = {
  /** Sends what arrives at once as one call; only where requests may share I/O. */
  coalesce?: boolean
  /** how long a call waits for others */
  waitMs?: number
  /** What stands before it, such as committers. */
  through?: (record: RecordCall) => RecordCall
}

export function recordingOver(
  send: Send,
  { coalesce = false, waitMs = 0, through = (record) => record }: Recording,
): RecordCall {
  return through(coalesce ? coalesced(send, isOfTheCall, waitMs) : async (batch) => (await send([batch]))[0]!)
}

/** What store_unavailable hides: whether the script failed on what was in the call. */
const isOfTheCall = (error: unknown): boolean => error instanceof TollgateError && scriptFailed(error.cause)

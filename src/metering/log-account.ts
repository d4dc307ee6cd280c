// The account of the event log: what was logged, as its tallies say, against the events in its blocks, as the index says.

import { type Decimal, decimal, text } from '../kernel/decimal.ts'
import type { LoggedCount } from './ports.ts'
import type { DriftReason, MeterAccount } from './reconcile.ts'

/**
 * Why it doesn't agree: as of meters (reconcile.ts), and
 *   missing_from_index   counted as logged, and in no block that the index has: rows were lost, or what was logged was dropped
 *                      when the log was turned off
 *   more_in_index        the index has more events than were counted as logged
 */
export type LogDriftReason = DriftReason | 'missing_from_index' | 'more_in_index'

/** Numbers of events, as text. */
export type LogAccount = {
  accepted: string
  /** in blocks that the index has, or had until they were too old */
  indexed: string
  unsettled: string
  quarantined: string
  /** accepted − indexed − unsettled − quarantined */
  drift: string
  reason: LogDriftReason | null
}

/** `logged`: of another instant, and so held against itself alone: what is settled meanwhile is in both of its numbers. */
export function logAccount(
  { accepted, settled, unsettled, quarantined, drift, reason }: MeterAccount,
  logged: LoggedCount,
): LogAccount {
  const unindexed = decimal(logged.tallied).minus(logged.indexed)
  const missing = unindexed.plus(drift.events)
  return {
    accepted: accepted.events,
    indexed: text(decimal(settled.events).minus(unindexed)),
    unsettled: unsettled.events,
    quarantined: quarantined.events,
    drift: text(missing),
    reason: missing.eq('0') ? null : (indexReason(unindexed) ?? reason),
  }
}

const indexReason = (unindexed: Decimal): LogDriftReason | null =>
  unindexed.gt('0') ? 'missing_from_index' : unindexed.lt('0') ? 'more_in_index' : null

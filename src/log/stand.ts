// Events as they stand, for whoever looks at them: changed by the corrections that stand, and marked. One that is voided is shown
// as it was before, and counts nowhere.

import { type Act, corrected, standingOf } from './act.ts'
import { actsOn } from './act-blocks.ts'
import type { LogEntry } from './entry.ts'

/** Events of a block (its name); `acts`: all that took it, and others. */
export function asTheyStand(entries: LogEntry[], block: string, acts: readonly Act[]): LogEntry[] {
  const here = actsOn(block, acts)
  return here.length === 0 ? entries : entries.map((entry) => shown(entry, block, here))
}

function shown(entry: LogEntry, block: string, acts: Act[]): LogEntry {
  const { state, acts: on } = standingOf(entry, block, acts)
  const voiding = on.find(({ action }) => action === 'void')
  const last = voiding ?? on.at(-1)
  if (last === undefined) return entry
  const changed = on.reduce((one, act) => corrected(one, act) ?? one, entry)
  const { correction, action, reason, atMs } = last
  return { ...changed, correction: { id: correction, action, reason, atMs, isVoided: state === null } }
}

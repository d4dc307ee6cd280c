// How billing is set up where it runs.

export type BillingSettings = {
  /** how long after a period's end its invoice is issued */
  graceMs: number
  /** how long after a period's end its events may still come in: the age that an event may have, and a slack */
  lateMs: number
  /** accounts that closing reads and writes at once, and such batches that one run closes at most */
  accountsPerBatch: number
  batchesPerRun: number
}

/** Clocks differ, and what was accepted is on its way for a moment: an event's greatest age is not a sharp edge. */
export const LATE_SLACK_MS = 86_400_000

export const defaultBillingSettings: BillingSettings = {
  graceMs: 3_600_000,
  lateMs: 35 * 86_400_000 + LATE_SLACK_MS,
  accountsPerBatch: 100,
  batchesPerRun: 10,
}

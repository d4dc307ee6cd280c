// What is due, cut into ranges that several invocations close at once: ranges of the order in which due accounts are taken, so
// that each is found without looking through the others.

/** A place in that order. */
export type DueMark = { dueMs: number; tenantId: string; customerId: string }

/** [from, to); null: from the first, to the last. An account is in the range that its first due subscription is in. */
export type DueRange = { from: DueMark | null; to: DueMark | null }

export const ALL_DUE: DueRange = { from: null, to: null }

/** The ranges between marks: one more than there are. */
export const rangesAt = (marks: DueMark[]): DueRange[] =>
  [null, ...marks].map((from, i) => ({ from, to: marks[i] ?? null }))

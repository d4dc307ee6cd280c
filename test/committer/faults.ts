// How a committer fails, for the Worker that fails so and the suite that asks for it.

export const faults = [
  'none',
  'overloaded',
  'unreachable',
  'throws_before',
  'throws_after',
  'killed_before',
  'killed_after',
  'slow',
  'answers_late',
  'hangs',
  'answers_nonsense',
] as const
export type Fault = (typeof faults)[number]

/** `share`: of the calls that it strikes. `names`: how often each of a tenant's objects was asked. */
export type FaultyState = {
  fault: Fault
  share: number
  seen: number
  failed: number
  names: Record<string, number>
}

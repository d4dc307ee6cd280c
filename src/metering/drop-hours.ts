// Hours are dropped when they are old, a month of the tenant's zone at a time; their days stay. First Postgres says since when a
// tenant has its hours, so that nobody reads one that goes; then they go, in steps.

export type HoursKept = {
  nowMs: number
  /** at least so long */
  keptMs: number
}

export interface HoursStore {
  /** Moves the instant since when tenants have their hours, as far as no open period, and nothing else, needs them. Gives of how many. */
  keepHours(kept: HoursKept): Promise<number>
  /** Drops some that are older, `limit` at most; gives how many, and whether there are more. */
  dropHours(limit: number): Promise<{ dropped: number; more: boolean }>
}

export type DropServices = {
  clock: () => number
  hours: HoursStore
  /** for how many days usage is kept by the hour at least; 0: for ever */
  hoursKeptDays: number
}

export type DropReport = { dropped: number; more: boolean }

const DAY_MS = 86_400_000
/** A step is a statement: a second or so. */
const HOURS_PER_STEP = 10_000
const STEPS_PER_RUN = 20

export async function dropHours({ clock, hours, hoursKeptDays }: DropServices): Promise<DropReport> {
  if (hoursKeptDays === 0) return { dropped: 0, more: false }
  await hours.keepHours({ nowMs: clock(), keptMs: hoursKeptDays * DAY_MS })
  const report: DropReport = { dropped: 0, more: true }
  for (let step = 0; step < STEPS_PER_RUN && report.more; step++) {
    const { dropped, more } = await hours.dropHours(HOURS_PER_STEP)
    report.dropped += dropped
    report.more = more
  }
  return report
}

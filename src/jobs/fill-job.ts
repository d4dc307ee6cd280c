// Filling meters from the log, as the cron and Node's timer do it.

import { type FillReport, type FillServices, fillMeters } from '../log/fill-meters.ts'
import type { FillAsked } from '../metering/flush.ts'
import type { CounterStore } from '../metering/ports.ts'
import { failureText, plural } from './job-text.ts'

type Services = FillServices & { counters: Pick<CounterStore, 'filledMeters'> }

/**
 * One run, with one line of what it did if it did anything. Never throws: the next run takes up what this one left. `asked`: what
 * asks for it, until it is done.
 */
export async function fillJob(
  services: Services,
  log: (line: string) => void,
  asked: FillAsked[] = [],
): Promise<FillReport | null> {
  try {
    const report = await fillMeters(services)
    const isDone = !report.more && report.failed.length === 0
    // What waits for events to be settled is taken up when they are.
    if (isDone) for (const one of asked) await services.counters.filledMeters(one.partition, one.asked)
    const text = summary(report)
    if (text !== '') log(`meters: ${text}`)
    return report
  } catch (error) {
    log(`meters: failed, the next run goes on where it stopped: ${failureText(error)}`)
    return null
  }
}

function summary({ blocks, events, filled, failed, more }: FillReport): string {
  const parts = [
    blocks > 0 && `counted ${plural(events, 'event')} of ${plural(blocks, 'block')} of the log`,
    filled.length > 0 && `filled ${filled.join(', ')}`,
    failed.length > 0 &&
      `FAILED, the next run tries again: ${failed.map(({ meter, reason }) => `${meter} (${failureText(reason)})`).join(', ')}`,
    more && 'more is owed',
  ].filter((part) => part !== false)
  return parts.join('; ')
}

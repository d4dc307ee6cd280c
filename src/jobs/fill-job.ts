// Filling meters from the log, as the cron and Node's timer do it.

import { type FillReport, type FillServices, fillMeters } from '../log/fill-meters.ts'
import { failureText, plural } from './job-text.ts'

/** One run, with one line of what it did if it did anything. Never throws: the next run takes up what this one left. */
export async function fillJob(
  services: FillServices,
  log: (line: string) => void,
): Promise<FillReport | null> {
  try {
    const report = await fillMeters(services)
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

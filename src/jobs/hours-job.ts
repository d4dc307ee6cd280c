// How long usage is kept by the hour, as the cron and Node's timer see to it.

import { type DropReport, type DropServices, dropHours } from '../metering/drop-hours.ts'
import { failureText, plural } from './job-text.ts'

/** One run, with one line of what it did if it did anything. Never throws: the next run takes up what this one left. */
export async function hoursJob(
  services: DropServices,
  log: (line: string) => void,
): Promise<DropReport | null> {
  try {
    const report = await dropHours(services)
    const more = report.more ? '; more are too old' : ''
    if (report.dropped > 0)
      log(`usage: dropped ${plural(report.dropped, 'hour')} for their age, their days stay${more}`)
    return report
  } catch (error) {
    log(`usage: dropping hours failed, the next run goes on where it stopped: ${failureText(error)}`)
    return null
  }
}

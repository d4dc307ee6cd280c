// Corrections that wait for their events to be settled, as the cron and Node's timer enter them: after the run that settles.

import { type EnterJobServices, type EnterReport, enterAllWanted } from '../log/enter-wanted.ts'
import { failureText, plural } from './job-text.ts'

/** One run, with one line of what it did if it did anything. Never throws: the next run takes up what this one left. */
export async function enterJob(
  services: EnterJobServices,
  log: (line: string) => void,
): Promise<EnterReport | null> {
  try {
    const report = await enterAllWanted(services)
    const { entered, failed } = report
    if (entered > 0) log(`corrections: settled what becomes of ${plural(entered, 'correction')}`)
    for (const { id, kind, reason } of report.refused)
      log(
        `corrections: ${kind === 'revert' ? 'the revert of ' : ''}${id} was FORGOTTEN by Postgres: ${reason}`,
      )
    for (const { id, reason } of failed)
      log(`corrections: ${id} FAILED, the next run tries again: ${failureText(reason)}`)
    return report
  } catch (error) {
    log(`corrections: failed, the next run goes on where it stopped: ${failureText(error)}`)
    return null
  }
}

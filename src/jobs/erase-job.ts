// Erasing, as the cron and Node's timer do it.

import { type EraseReport, type EraseServices, eraseEvents } from '../log/erase-events.ts'
import { failureText, plural } from './job-text.ts'

/** One run, with one line of what it did if it did anything. Never throws: the next run takes up what this one left. */
export async function eraseJob(
  services: EraseServices,
  log: (line: string) => void,
): Promise<EraseReport | null> {
  try {
    const report = await eraseEvents(services)
    const text = summary(report)
    if (text !== '') log(`erasures: ${text}`)
    return report
  } catch (error) {
    log(`erasures: failed, the next run goes on where it stopped: ${failureText(error)}`)
    return null
  }
}

function summary({ blocks, events, done, more }: EraseReport): string {
  const parts = [
    blocks > 0 && `took ${plural(events, 'event')} out of ${plural(blocks, 'block')}`,
    done > 0 && `${plural(done, 'erasure')} done`,
    more && 'more is to be erased',
  ].filter((part) => part !== false)
  return parts.join('; ')
}

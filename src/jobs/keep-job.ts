// How long the event log is kept, as the cron and Node's timer see to it: what is too old goes, and so does what nothing names.

import { type ExpireReport, type ExpireServices, expireBlocks } from '../log/expire-blocks.ts'
import { type SweepServices, sweepBlocks } from '../log/sweep-blocks.ts'
import { failureText, plural } from './job-text.ts'

export type KeepServices = ExpireServices & SweepServices

export type KeepReport = ExpireReport & { swept: number }

/** One run, with one line of what it did if it did anything. Never throws: the next run takes up what this one left. */
export async function keepJob(
  services: KeepServices,
  log: (line: string) => void,
): Promise<KeepReport | null> {
  try {
    const expired = await expireBlocks(services)
    const report = { ...expired, swept: await sweepBlocks(services) }
    const text = summary(report)
    if (text !== '') log(`event log: ${text}`)
    return report
  } catch (error) {
    log(`event log: failed, the next run goes on where it stopped: ${failureText(error)}`)
    return null
  }
}

function summary({ blocks, swept, more }: KeepReport): string {
  const parts = [
    blocks > 0 && `removed ${plural(blocks, 'block')} for their age`,
    swept > 0 && `removed ${plural(swept, 'block')} that nothing names`,
    more && 'more are too old',
  ].filter((part) => part !== false)
  return parts.join('; ')
}

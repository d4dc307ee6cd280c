// The aggregator, as the cron and Node's timer run it.

import { type FlushReport, type FlushServices, flush, leftMore } from '../metering/flush.ts'
import { failureText, plural } from './job-text.ts'

/**
 * One run of the aggregator, with one line of what it did. Never throws: the next run takes up what this one left.
 * `run`: how it is done, if not here.
 */
export async function flushJob(
  services: FlushServices,
  log: (line: string) => void,
  run: (services: FlushServices) => Promise<FlushReport> = flush,
): Promise<FlushReport | null> {
  try {
    const report = await run(services)
    log(`flush: ${summary(report)}`)
    return report
  } catch (error) {
    log(`flush: failed, the next run goes on where it stopped: ${failureText(error)}`)
    return null
  }
}

/** Before an end: runs until nothing is left, or a run gets nowhere. What can't be settled now waits for the next start. */
export async function flushRest(services: FlushServices, log: (line: string) => void): Promise<void> {
  let report = await flushJob(services, log)
  while (report !== null && leftMore(report)) report = await flushJob(services, log)
}

function summary(report: FlushReport): string {
  const { settledSegments, settledCounters, alreadySettled, tooYoung, remaining, failed, quarantined } =
    report
  const parts = [
    settledSegments > 0 &&
      `settled ${plural(settledCounters, 'counter')} of ${plural(settledSegments, 'segment')}`,
    alreadySettled > 0 && `discarded ${plural(alreadySettled, 'segment')} that an earlier run had settled`,
    tooYoung > 0 && `${plural(tooYoung, 'segment')} too young yet`,
    remaining > 0 && `${plural(remaining, 'segment')} left for the next run`,
    report.leased.length > 0 && 'another run is at work',
    report.unreachable.length > 0 && `CAN’T BE REACHED: ${report.unreachable.join(', ')}`,
    failed.length > 0 && `FAILED, the next run tries again: ${failed.map(named).join(', ')}`,
    quarantined.length > 0 && `QUARANTINED: ${quarantined.map(named).join(', ')}`,
  ].filter((part) => part !== false)
  return parts.length === 0 ? 'nothing to settle' : parts.join('; ')
}

const named = ({ id, reason }: { id: string; reason: string }): string => `${id} (${reason.split('\n')[0]})`

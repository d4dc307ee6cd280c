// History: usage that was brought along from another system, to be looked at and compared, and never to be billed. It is counted
// as all usage is, into counters of its own beside those of the meter: whoever bills asks for the meter's and can't find them.

import type { LiveCounter } from './ports.ts'

/** What counters of history have before their meter's id, and what stands in an event's list: no id has a colon. */
export const HISTORY = 'h:'

/** What a meter's counters of history are named by. */
export const historyOf = (meterId: string): string => HISTORY + meterId

/** The meter of a counter, be it one of history or not. */
export const meterOf = (counterMeter: string): string =>
  counterMeter.startsWith(HISTORY) ? counterMeter.slice(HISTORY.length) : counterMeter

export const isHistory = (counterMeter: string): boolean => counterMeter.startsWith(HISTORY)

/** Live counters as a read takes them: with history among those of its meter, or without it. */
export const liveWith = (live: LiveCounter[], history: boolean): LiveCounter[] =>
  history
    ? live.map((one) => (isHistory(one.meter) ? { ...one, meter: meterOf(one.meter) } : one))
    : live.filter(({ meter }) => !isHistory(meter))

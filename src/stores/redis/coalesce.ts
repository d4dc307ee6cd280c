// Group commit: calls that arrive while one of their tenant is under way go together in the next one. Only where requests may
// share I/O: in Node, never in a Worker. Nobody waits for a timer.

import type { RecordBatch, RecordOutcome } from '../../metering/ports.ts'

/** Sends batches of one tenant and configuration as one call; an outcome for each, in order. */
type Send = (batches: RecordBatch[]) => Promise<RecordOutcome[]>
type Waiting = {
  batch: RecordBatch
  bytes: number
  resolve: (outcome: RecordOutcome) => void
  reject: (error: unknown) => void
}

/** A batch of more is a call of its own, at once: it has little to gain, and others would wait for it. */
const EVENTS_JOINED = 32
/** Of one call at most: so much still takes well under a millisecond of Redis's time. */
const EVENTS_PER_CALL = 128
const BYTES_PER_CALL = 256 * 1024

const BYTES_PER_EVENT = 60

/**
 * Each batch keeps its own answer: counted as a whole or not at all, with its own conflicts. `harmed`: whether an error may come
 * of one batch alone; then each is sent by itself, so that no other is harmed.
 */
export function coalesced(
  send: Send,
  harmed: (error: unknown) => boolean,
): (batch: RecordBatch) => Promise<RecordOutcome> {
  const queues = new Map<string, Waiting[]>()

  async function pump(key: string, queue: Waiting[]): Promise<void> {
    while (queue.length > 0) await sendJoined(queue.splice(0, fitting(queue)), send, harmed)
    queues.delete(key)
  }

  return (batch) => {
    if (batch.events.length > EVENTS_JOINED) return send([batch]).then(([outcome]) => outcome!)
    return new Promise((resolve, reject) => {
      const key = `${batch.tenantId} ${batch.configVersion}`
      let queue = queues.get(key)
      if (queue === undefined) {
        const started: Waiting[] = []
        queue = started
        queues.set(key, queue)
        // After the requests that have arrived already.
        setImmediate(() => pump(key, started))
      }
      queue.push({ batch, bytes: bytesOf(batch), resolve, reject })
    })
  }
}

const bytesOf = ({ counters, events }: RecordBatch): number => {
  const names = counters.reduce((sum, { field }) => sum + field.length, 0)
  return events.reduce((sum, { line }) => sum + line.length + BYTES_PER_EVENT, names)
}

/** How many of the first go into one call: one at least. */
function fitting(queue: Waiting[]): number {
  let [count, events, bytes] = [0, 0, 0]
  for (const one of queue) {
    events += one.batch.events.length
    bytes += one.bytes
    if (count > 0 && (events > EVENTS_PER_CALL || bytes > BYTES_PER_CALL)) break
    count++
  }
  return count
}

async function sendJoined(
  waiting: Waiting[],
  send: Send,
  harmed: (error: unknown) => boolean,
): Promise<void> {
  if (waiting.length === 1) return sendAlone(waiting[0]!, send)
  try {
    const outcomes = await send(waiting.map(({ batch }) => batch))
    // Together they may be too much where one alone is not.
    if (outcomes[0]!.kind === 'backlog_full') return await sendEach(waiting, send)
    for (const [i, one] of waiting.entries()) one.resolve(outcomes[i]!)
  } catch (error) {
    if (harmed(error)) return await sendEach(waiting, send)
    for (const one of waiting) one.reject(error)
  }
}

async function sendEach(waiting: Waiting[], send: Send): Promise<void> {
  for (const one of waiting) await sendAlone(one, send)
}

const sendAlone = ({ batch, resolve, reject }: Waiting, send: Send): Promise<void> =>
  send([batch]).then(([outcome]) => resolve(outcome!), reject)

// Group commit: calls that arrive while one of their tenant is under way go together in the next one. Only where requests may
// share I/O: in Node, and in a Durable Object (committer.ts), never in a Worker. Nobody waits for a timer, unless told to.

import { HISTORY } from '../../metering/history.ts'
import type { PlacedBatch, PlacedOutcome } from '../../metering/placement/record-placed.ts'

/** Sends batches of one tenant, configuration and place as one call; an outcome for each, in order. */
export type Send = (batches: PlacedBatch[]) => Promise<PlacedOutcome[]>
type Waiting = {
  batch: PlacedBatch
  bytes: number
  resolve: (outcome: PlacedOutcome) => void
  reject: (error: unknown) => void
}

/** A batch of more is a call of its own, at once: it has little to gain, and others would wait for it. */
export const EVENTS_JOINED = 32
/** Of one call at most: so much still takes well under a millisecond of Redis's time. */
const EVENTS_PER_CALL = 128
const BYTES_PER_CALL = 256 * 1024

const BYTES_PER_EVENT = 60

/** What waits to be sent, and what ends the wait of it at once. */
type Queue = { waiting: Waiting[]; full: () => void }

/**
 * Each batch keeps its own answer: counted as a whole or not at all, with its own conflicts. `harmed`: whether an error may come
 * of one batch alone; then each is sent by itself, so that no other is harmed. `waitMs`: how long a call waits for company; not at
 * all where it is full.
 */
export function coalesced(
  send: Send,
  harmed: (error: unknown) => boolean,
  waitMs = 0,
): (batch: PlacedBatch) => Promise<PlacedOutcome> {
  const queues = new Map<string, Queue>()

  async function pump(key: string, queue: Queue): Promise<void> {
    const { waiting } = queue
    while (waiting.length > 0) {
      if (waitMs > 0 && !isFull(waiting)) await company(queue, waitMs)
      await sendJoined(waiting.splice(0, fitting(waiting)), send, harmed)
    }
    queues.delete(key)
  }

  return (batch) => {
    if (batch.events.length > EVENTS_JOINED) return send([batch]).then(([outcome]) => outcome!)
    return new Promise((resolve, reject) => {
      const key = queueOf(batch)
      let queue = queues.get(key)
      if (queue === undefined) {
        const started: Queue = { waiting: [], full: () => {} }
        queue = started
        queues.set(key, queue)
        // After the requests that have arrived already.
        setImmediate(() => pump(key, started))
      }
      queue.waiting.push({ batch, bytes: bytesOf(batch), resolve, reject })
      if (waitMs > 0 && isFull(queue.waiting)) queue.full()
    })
  }
}

const queueOf = (batch: PlacedBatch): string => {
  const { partition, placement } = batch.at
  const place = `${partition} ${placement.version} ${placement.nonce}`
  return `${batch.tenantId} ${batch.configVersion} ${place}${listedAs(batch)}`
}

const company = (queue: Queue, waitMs: number): Promise<void> =>
  new Promise((resolve) => {
    const timer = setTimeout(resolve, waitMs)
    queue.full = () => {
      clearTimeout(timer)
      resolve()
    }
  })

/** Whether it has more than goes into one call. */
const isFull = (waiting: Waiting[]): boolean => fitting(waiting) < waiting.length

/** Of one call, a type has one list: history, which has others, goes by itself. */
const listedAs = ({ log }: PlacedBatch): string =>
  log !== null && Object.values(log.lists)[0]?.includes(HISTORY) ? ` ${HISTORY}` : ''

const bytesOf = ({ counters, events }: PlacedBatch): number => {
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

// Single events that arrive at once, sent as one call. Only where requests may share I/O: in Node, never in a Worker. It adds
// no delay: what arrives while a tenant's call is under way goes with the next one.

import type { CountedEvent, RecordBatch, RecordOutcome } from '../../metering/ports.ts'

type Send = (batch: RecordBatch) => Promise<RecordOutcome>
type Waiting = {
  batch: RecordBatch
  resolve: (outcome: RecordOutcome) => void
  reject: (error: unknown) => void
}

/** Events of one call at most: so many still take well under a millisecond of Redis's time. */
const EVENTS_PER_CALL = 128

/**
 * Batches of one event are joined by tenant and configuration; each gets the outcome that it would have had alone. Others
 * are sent as they are: they count as a whole or not at all.
 */
export function coalesced(send: Send): Send {
  const queues = new Map<string, Waiting[]>()

  async function pump(key: string, queue: Waiting[]): Promise<void> {
    while (queue.length > 0) await sendJoined(queue.splice(0, EVENTS_PER_CALL), send)
    queues.delete(key)
  }

  return (batch) => {
    if (batch.events.length !== 1) return send(batch)
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
      queue.push({ batch, resolve, reject })
    })
  }
}

async function sendJoined(waiting: Waiting[], send: Send): Promise<void> {
  if (waiting.length === 1) return sendAlone(waiting[0]!, send)
  try {
    const outcome = await send(joined(waiting.map(({ batch }) => batch)))
    // Together they may be too much where one alone is not.
    if (outcome.kind === 'backlog_full') for (const one of waiting) await sendAlone(one, send)
    else for (const [i, one] of waiting.entries()) one.resolve(outcomeOf(one.batch, outcome, i))
  } catch (error) {
    for (const one of waiting) one.reject(error)
  }
}

const sendAlone = ({ batch, resolve, reject }: Waiting, send: Send): Promise<void> =>
  send(batch).then(resolve, reject)

/** What the batch of this one event would have been answered alone. */
function outcomeOf({ handling }: RecordBatch, outcome: RecordOutcome, i: number): RecordOutcome {
  if (outcome.kind !== 'recorded') return outcome
  const verdict = outcome.verdicts[i]!
  const counted = verdict === 'accepted' || verdict === 'duplicate'
  return { kind: counted || handling === 'lenient' ? 'recorded' : 'refused', verdicts: [verdict] }
}

/** One lenient batch: a verdict each. */
function joined(batches: RecordBatch[]): RecordBatch {
  const [{ tenantId, configVersion }] = batches as [RecordBatch]
  const meters = new Map<string, number>()
  const positions = new Map<string, number>()
  const counters: RecordBatch['counters'] = []
  const position = (batch: RecordBatch, index: number): number => {
    const { field, merge, meter } = batch.counters[index]!
    const known = positions.get(field)
    if (known !== undefined) return known
    const key = batch.meters[meter]!
    if (!meters.has(key)) meters.set(key, meters.size)
    positions.set(field, counters.length)
    return counters.push({ field, merge, meter: meters.get(key)! }) - 1
  }
  const events = batches.map((batch): CountedEvent => {
    const { idDigest, fingerprint, deltas } = batch.events[0]!
    const placed = deltas.map(({ counter, a, b }) => ({ counter: position(batch, counter), a, b }))
    return { idDigest, fingerprint, deltas: placed }
  })
  return { tenantId, configVersion, handling: 'lenient', meters: [...meters.keys()], counters, events }
}

// The CounterStore over Redis: one script a method. Which client carries it there is the connection's affair.

import { TollgateError } from '../../kernel/errors.ts'
import { compareUtf8 } from '../../kernel/page.ts'
import { parseCounter, TALLY_CUSTOMER } from '../../metering/counter.ts'
import { LIVE_CHARS_PER_READ, LIVE_COUNTERS_PER_READ, type Limits } from '../../metering/limits.ts'
import type {
  Accepted,
  AcceptedRead,
  CounterStore,
  LiveCounter,
  LiveLog,
  LogSpan,
  PartitionState,
  RecordBatch,
  RecordOutcome,
  SealOutcome,
  SegmentContent,
  SegmentRef,
} from '../../metering/ports.ts'
import { Answered, accountOf, slots } from './answered.ts'
import { coalesced } from './coalesce.ts'
import type { RedisConnection, Reply, Script } from './connection.ts'
import { metaKey } from './keys.ts'
import { partitionOf } from './partition.ts'
import { orEndless, recordArguments, recordCall, recordOutcomes } from './record-call.ts'
import { runScript, scriptFailed } from './script.ts'
import { forgetIds } from './scripts/ids.ts'
import { liveCustomers, noteDrift, publishConfig, readAccepted, readLive } from './scripts/live.ts'
import { readLog } from './scripts/log.ts'
import { record } from './scripts/record.ts'
import { partitionsOf, release, seal, state } from './scripts/seal.ts'
import { discard, dropMissing, markMissing, quarantine, readSegment, reoffer } from './scripts/segment.ts'
import { fieldsIn, liveLog, segmentContent, sharesOf } from './segment-content.ts'

const REOFFERED_AT_ONCE = 500
/** Some milliseconds of Redis's time. */
const BUCKETS_FORGOTTEN_AT_ONCE = 5_000

export class RedisCounterStore implements CounterStore {
  readonly #connection: RedisConnection
  readonly #limits: Limits
  readonly #answered = new Answered()
  #verified = false
  readonly partitions: number

  /** `coalesce`: sends what arrives at once as one call; only where requests may share I/O. */
  constructor(
    connection: RedisConnection,
    limits: Limits,
    partitions: number,
    { coalesce = false }: { coalesce?: boolean } = {},
  ) {
    this.#connection = connection
    this.#limits = limits
    this.partitions = partitions
    const send = (batches: RecordBatch[]) => this.#record(batches)
    this.record = coalesce ? coalesced(send, isOfTheCall) : async (batch) => (await send([batch]))[0]!
  }

  readonly record: (batch: RecordBatch) => Promise<RecordOutcome>

  async #record(batches: RecordBatch[]): Promise<RecordOutcome[]> {
    const call = recordCall(batches)
    const partition = partitionOf(call.tenantId, this.partitions)
    // Before the arguments are made, not after: they say how far this process knows the accounts when the call goes out.
    if (!this.#verified) await this.#verifyPartitions()
    const args = recordArguments(call, this.#limits, this.partitions, this.#answered)
    const reply = await this.#run(record, partition, args)
    const outcomes = recordOutcomes(reply, call, this.#answered)
    if ('wrongPartitions' in outcomes) throw this.#wrongPartitions(outcomes.wrongPartitions)
    return outcomes
  }

  async seal(partition: number, lease: { owner: string; ms: number }): Promise<SealOutcome> {
    const args = [
      lease.owner,
      orEndless(lease.ms),
      orEndless(this.#limits.settleAfterMs),
      String(this.partitions),
    ]
    const reply = (await this.#run(seal, partition, args)) as [string, string, Reply[], string, number]
    const [kind, detail, listed, offer, idsToForget] = reply
    if (kind === 'leased') return { kind, untilMs: Number(detail) }
    if (kind !== 'sealed') throw this.#wrongPartitions(detail)
    return {
      kind,
      nowMs: Number(detail),
      segments: segmentRefs(partition, listed, offer),
      idsToForget: idsToForget === 1,
    }
  }

  async readSegment(segment: SegmentRef): Promise<SegmentContent> {
    return segmentContent((await this.#run(readSegment, segment.partition, [segment.id])) as string[])
  }

  async discard(segment: SegmentRef, content: SegmentContent, kept: string | null = null): Promise<void> {
    await this.#run(discard, segment.partition, [
      segment.id,
      orEndless(this.#limits.keepSettledMs),
      segment.offer,
      String(fieldsIn(content)),
      kept ?? '',
      ...sharesOf(content),
    ])
  }

  async quarantine(segment: SegmentRef, reason: string): Promise<void> {
    await this.#run(quarantine, segment.partition, [segment.id, reason.slice(0, 500)])
  }

  async markMissing(segment: SegmentRef): Promise<void> {
    await this.#run(markMissing, segment.partition, [segment.id, 'its counters are missing'])
  }

  async dropMissing(segment: SegmentRef): Promise<boolean> {
    return (await this.#run(dropMissing, segment.partition, [segment.id])) === 1
  }

  async reoffer(partition: number): Promise<number> {
    let offered = 0
    for (let left = true; left; ) {
      const [more, listed] = (await this.#run(reoffer, partition, [String(REOFFERED_AT_ONCE)])) as [
        number,
        number,
      ]
      offered += more
      left = listed === REOFFERED_AT_ONCE
    }
    return offered
  }

  async release(partition: number, owner: string): Promise<void> {
    await this.#run(release, partition, [owner])
  }

  async forgetIds(partition: number): Promise<boolean> {
    return (await this.#run(forgetIds, partition, [String(BUCKETS_FORGOTTEN_AT_ONCE)])) === 1
  }

  async readLive(
    tenantId: string,
    customerIds: string[],
  ): Promise<{ configVersion: number | null; counters: LiveCounter[] }> {
    const args = [tenantId, String(LIVE_COUNTERS_PER_READ), ...customerIds]
    const reply = (await this.#run(readLive, partitionOf(tenantId, this.partitions), args)) as Reply[]
    if (reply[0] === 'too_many') throw tooManyLive()
    const counters: LiveCounter[] = []
    let chars = 0
    for (const [segment, flat] of reply[2] as [string, string[]][]) {
      for (const [field, value] of fieldsOf(flat)) {
        counters.push({ segment, ...parseCounter(field, value) })
        chars += field.length
      }
    }
    if (chars > LIVE_CHARS_PER_READ) throw tooManyLive()
    return { configVersion: Number(reply[1]), counters }
  }

  async readAccepted(tenantId: string, meters: string[]): Promise<AcceptedRead> {
    const partition = partitionOf(tenantId, this.partitions)
    const [amounts, segments] = (await this.#run(readAccepted, partition, [
      tenantId,
      TALLY_CUSTOMER,
      slots.join(' '),
      ...meters,
    ])) as [(string | null)[], [string, string, string[]][]]
    const ofMeters = meters.map((meter, i): [string, Accepted[]] => [
      meter,
      slots.flatMap((slot, s) => {
        const known = slot === this.#answered.slot ? this.#answered.of(tenantId, meter) : ''
        return accountOf(slot, amounts[i * slots.length + s] ?? '', known) ?? []
      }),
    ])
    const quarantined = new Set<string>()
    const counters: LiveCounter[] = []
    for (const [segment, reason, flat] of segments) {
      if (reason !== '') quarantined.add(segment)
      for (const [field, value] of fieldsOf(flat)) counters.push({ segment, ...parseCounter(field, value) })
    }
    return { meters: new Map(ofMeters), counters, quarantined }
  }

  async readLog(
    tenantId: string,
    { order, fromMicros, toMicros, bytes, containing }: LogSpan,
  ): Promise<LiveLog> {
    const span = [fromMicros, toMicros].map((micros) => String(micros).padStart(16, '0'))
    const args = [tenantId, order, ...span, String(bytes), containing]
    const reply = await this.#run(readLog, partitionOf(tenantId, this.partitions), args)
    return liveLog(reply as [string[], string[], string[], string])
  }

  async noteDrift(tenantId: string, drifts: boolean): Promise<number | null> {
    const partition = partitionOf(tenantId, this.partitions)
    const since = (await this.#run(noteDrift, partition, [tenantId, drifts ? 'yes' : 'no'])) as string | null
    return since === null ? null : Number(since)
  }

  async liveCustomers(tenantId: string, after: string, limit: number): Promise<string[]> {
    const partition = partitionOf(tenantId, this.partitions)
    const found = (await this.#run(liveCustomers, partition, [tenantId, after, String(limit)])) as string[]
    return [...new Set(found)].sort(compareUtf8).slice(0, limit)
  }

  async publishConfig(tenantId: string, version: number): Promise<void> {
    await this.#run(publishConfig, partitionOf(tenantId, this.partitions), [tenantId, String(version)])
  }

  async state(partition: number): Promise<PartitionState> {
    const [nowMs, open, sealed, unsettled, lastFlush, offer] = (await this.#run(state, partition, [])) as [
      string,
      (string | null)[],
      Reply[],
      string,
      string | null,
      string,
    ]
    return {
      partition,
      nowMs: Number(nowMs),
      open: open[0]
        ? { id: open[0], bornMs: Number(open[1]), counters: Number(open[2]), bytes: Number(open[3]) }
        : null,
      sealed: segmentRefs(partition, sealed, offer),
      unsettledCounters: Number(unsettled),
      lastFlushMs: lastFlush === null ? null : Number(lastFlush),
    }
  }

  async ping(): Promise<void> {
    await this.#guard(() => this.#connection.ping())
  }

  async #run(script: Script, partition: number, args: string[]): Promise<Reply> {
    if (!this.#verified) await this.#verifyPartitions()
    return this.#guard(() => runScript(this.#connection, script, [metaKey(partition)], args))
  }

  /** Once: with another number of partitions, a tenant's counters would be looked for, and counted, elsewhere. */
  async #verifyPartitions(): Promise<void> {
    const mine = String(this.partitions)
    const stored = await this.#guard(() => runScript(this.#connection, partitionsOf, [metaKey(0)], [mine]))
    if (stored !== mine) throw this.#wrongPartitions(String(stored))
    this.#verified = true
  }

  /** Whatever goes wrong on the way: the caller may try the same call again, every script bears it. */
  async #guard<T>(call: () => Promise<T>): Promise<T> {
    try {
      return await call()
    } catch (error) {
      throw new TollgateError(
        'store_unavailable',
        'The counters can’t be reached at present, and whether they took this is unknown. Send the same request again: an event with an id counts once.',
        {
          retryAfterSeconds: 5,
          internal: error,
        },
      )
    }
  }

  #wrongPartitions(stored: string): TollgateError {
    return new TollgateError('misconfigured', 'The service is not configured for its data.', {
      internal: `PARTITIONS is ${this.partitions}, but the counters in Redis were written with ${stored}. Set it to ${stored}.`,
    })
  }
}

/** What store_unavailable hides: whether the script failed on what was in the call. */
const isOfTheCall = (error: unknown): boolean => error instanceof TollgateError && scriptFailed(error.cause)

function* fieldsOf(flat: string[]): Generator<[field: string, value: string]> {
  for (let i = 0; i < flat.length; i += 2) yield [flat[i]!, flat[i + 1]!]
}

const segmentRefs = (partition: number, listed: Reply[], offer: string): SegmentRef[] =>
  (listed as [string, string, string | null][]).map(([id, bornMs, quarantined]) => ({
    id,
    partition,
    bornMs: Number(bornMs),
    quarantined: quarantined ?? null,
    offer,
  }))

const tooManyLive = () =>
  new TollgateError(
    'too_many_counters',
    `More than ${LIVE_COUNTERS_PER_READ} counters of these customers wait to be settled, or very long ones. Ask for fewer customers, or again in a minute.`,
    { retryAfterSeconds: 60 },
  )

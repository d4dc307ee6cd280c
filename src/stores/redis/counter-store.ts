// The CounterStore over Redis: one script a method and partition. Which client carries it there is the connection's affair, and in
// which partitions a tenant is, its placement's.

import { compareUtf8 } from '../../kernel/page.ts'
import type { ErasureNotes, NewErasure } from '../../log/erasure-ports.ts'
import type { ActNotes } from '../../log/offered-ports.ts'
import { TALLY_CUSTOMER } from '../../metering/counter.ts'
import { LIVE_COUNTERS_PER_READ, type Limits } from '../../metering/limits.ts'
import { MAIN } from '../../metering/placement/partition-list.ts'
import { everUsed, everywhere, type Placement, whereabouts } from '../../metering/placement/placement.ts'
import type { Partition, Placements } from '../../metering/placement/ports.ts'
import type { PlacedBatch, PlacedOutcome } from '../../metering/placement/record-placed.ts'
import { recordPlaced } from '../../metering/placement/record-placed.ts'
import { oneDatabase, unmovedTenants } from '../../metering/placement/unmoved.ts'
import type {
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
import { actNotes } from './act-notes.ts'
import { Answered, slots } from './answered.ts'
import { asking, tellPlacements } from './asking.ts'
import type { RedisConnection, Reply, Script } from './connection.ts'
import { Databases } from './databases.ts'
import { acceptedIn, joinedAccepted, joinedLive, joinedLog } from './joined-reads.ts'
import { erasuresIn, notedArguments } from './noted-erasures.ts'
import { orEndless } from './record-call.ts'
import { lookingUp, recordTogether } from './record-together.ts'
import { type Recording, recordingOver } from './recording.ts'
import { notedErasures, noteErasure } from './scripts/erasures.ts'
import { forgetIds } from './scripts/ids.ts'
import {
  clock,
  filledMeters,
  liveCustomers,
  noteDrift,
  publishConfig,
  readAccepted,
  readLive,
} from './scripts/live.ts'
import { readLog } from './scripts/log.ts'
import { release, seal, state } from './scripts/seal.ts'
import {
  discard,
  dropMissing,
  knownSegments,
  markMissing,
  quarantine,
  readSegment,
  reoffer,
} from './scripts/segment.ts'
import { partitionState, partitionsOpened, sealOutcome } from './seal-reply.ts'
import { fieldsIn, liveLog, segmentContent, sharesOf } from './segment-content.ts'

const REOFFERED_AT_ONCE = 500
/** Some milliseconds of Redis's time. */
const BUCKETS_FORGOTTEN_AT_ONCE = 5_000

export class RedisCounterStore implements CounterStore, ErasureNotes, ActNotes {
  readonly #databases: Databases
  readonly #placements: Placements
  readonly #limits: Limits
  readonly #answered = new Answered()
  /** Counts what is new in one partition, unless that knows a later placement. */
  readonly recordIn: (batch: PlacedBatch) => Promise<PlacedOutcome>
  readonly #lookUp: ReturnType<typeof lookingUp>
  readonly #asked: ReturnType<typeof asking>
  readonly actsNoted: ActNotes['actsNoted']
  readonly noteActs: ActNotes['noteActs']
  readonly offerActs: ActNotes['offerActs']
  readonly notedActs: ActNotes['notedActs']

  constructor(databases: Databases, placements: Placements, limits: Limits, recording: Recording = {}) {
    this.#databases = databases
    this.#placements = placements
    this.#limits = limits
    const send = (batches: PlacedBatch[]) =>
      recordTogether({ databases, limits, answered: this.#answered }, batches)
    const sending = recordingOver(send, recording)
    // Whoever may send it on knows no partitions.
    this.recordIn = async ({ at, ...batch }) => {
      const database = at.database ?? (await databases.directory.databaseOf(at.partition))
      return await sending({ ...batch, at: { ...at, database } })
    }
    this.#lookUp = lookingUp(databases, limits)
    this.#asked = asking(databases, placements)
    const acts = actNotes(databases, this.#asked, limits)
    this.actsNoted = acts.actsNoted
    this.noteActs = acts.noteActs
    this.offerActs = acts.offerActs
    this.notedActs = acts.notedActs
  }

  /** In one database, where no tenant is ever moved. */
  static inOne(
    connection: RedisConnection,
    limits: Limits,
    partitions: number,
    recording: Recording = {},
  ): RedisCounterStore {
    const databases = new Databases({ [MAIN]: { connection } }, oneDatabase(partitions), partitions)
    return new RedisCounterStore(databases, unmovedTenants(partitions), limits, recording)
  }

  listPartitions(): Promise<Partition[]> {
    return this.#databases.directory.list()
  }

  findPartitions(): Promise<Partition[]> {
    return this.#databases.directory.findAll()
  }

  tellPlacements(partition: number): Promise<void> {
    return tellPlacements(this.#databases, this.#placements, partition)
  }

  record(batch: RecordBatch): Promise<RecordOutcome> {
    const partitions = { recordIn: this.recordIn, lookUp: this.#lookUp }
    return recordPlaced({ placements: this.#placements, partitions }, batch)
  }

  async seal(partition: number, lease: { owner: string; ms: number }): Promise<SealOutcome> {
    const args = [
      lease.owner,
      orEndless(lease.ms),
      orEndless(this.#limits.settleAfterMs),
      String(this.#databases.first),
    ]
    const reply = await this.#run(seal, partition, args)
    const outcome = sealOutcome(partition, reply)
    if ('wrongPartitions' in outcome) throw this.#databases.wrongPartitions(outcome.wrongPartitions)
    // Some were opened, by another instance: the next run has them.
    if (outcome.kind === 'sealed') this.#databases.directory.thereAre(partitionsOpened(reply))
    return outcome
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

  async knownSegments(asked: { segment: string; tenantId: string }[]): Promise<Set<string>> {
    // In whichever partition it was: one that its tenant has left may hold it still.
    const byPartition = new Map<number, Set<string>>()
    for (const { segment, tenantId } of asked)
      for (const partition of everUsed(await this.#placements.of(tenantId)))
        byPartition.set(partition, (byPartition.get(partition) ?? new Set()).add(segment))
    const known = await Promise.all(
      [...byPartition].map(([partition, ids]) => this.#run(knownSegments, partition, [...ids])),
    )
    return new Set((known as string[][]).flat())
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
    // Tallies are no customer's: they are in all homes.
    const of = (placement: Placement) =>
      customerIds.includes(TALLY_CUSTOMER) ? everywhere(placement) : whereabouts(placement, customerIds)
    const replies = await this.#asked(readLive, tenantId, args, of)
    return joinedLive(replies.map(({ reply }) => reply))
  }

  async readAccepted(tenantId: string, meters: string[]): Promise<AcceptedRead> {
    const args = [tenantId, TALLY_CUSTOMER, slots.join(' '), ...meters]
    const known = (partition: number) => meters.map((meter) => this.#answered.of(partition, tenantId, meter))
    const replies = await this.#asked(readAccepted, tenantId, args, everUsed, known)
    const { slot } = this.#answered
    return joinedAccepted(
      meters,
      replies.map(({ reply, noted }) => acceptedIn(reply, meters, { slot, accounts: noted })),
    )
  }

  async readLog(
    tenantId: string,
    { order, fromMicros, toMicros, bytes, containing }: LogSpan,
  ): Promise<LiveLog> {
    const span = [fromMicros, toMicros].map((micros) => String(micros).padStart(16, '0'))
    const args = [tenantId, order, ...span, String(bytes), containing]
    const replies = await this.#asked(readLog, tenantId, args)
    return joinedLog(
      replies.map(({ reply }) => liveLog(tenantId, reply as Parameters<typeof liveLog>[1])),
      order,
    )
  }

  async noteDrift(tenantId: string, drifts: boolean): Promise<number | null> {
    const placement = await this.#placements.of(tenantId)
    const since = await Promise.all(
      everUsed(placement).map((partition) =>
        this.#run(noteDrift, partition, [tenantId, drifts ? 'yes' : 'no']),
      ),
    )
    const known = since.filter((one) => one !== null).map(Number)
    return known.length === 0 ? null : Math.min(...known)
  }

  async liveCustomers(tenantId: string, after: string, limit: number): Promise<string[]> {
    const replies = await this.#asked(liveCustomers, tenantId, [tenantId, after, String(limit)])
    const found = replies.flatMap(({ reply }) => reply as string[])
    return [...new Set(found)].sort(compareUtf8).slice(0, limit)
  }

  async publishConfig(tenantId: string, version: number, { fills = false } = {}): Promise<void> {
    await this.#asked(publishConfig, tenantId, [tenantId, String(version), fills ? '1' : ''])
  }

  async filledMeters(partition: number, asked: string): Promise<void> {
    await this.#run(filledMeters, partition, [asked])
  }

  /** Of several homes, by the clock that is furthest behind. */
  async clockMicros(tenantId: string): Promise<number> {
    return Math.min(...(await this.#clocks(tenantId, ({ home }) => home)))
  }

  /** By the one that is furthest ahead: nothing of the customer that was accepted before is later. */
  async arrivedMicros(tenantId: string, customerId: string): Promise<number> {
    return Math.max(...(await this.#clocks(tenantId, (placement) => whereabouts(placement, [customerId]))))
  }

  async noteErasure(erasure: NewErasure): Promise<void> {
    await this.#asked(noteErasure, erasure.tenantId, notedArguments(erasure), everUsed)
  }

  async notedErasures(partition: number, skip: number, limit: number): Promise<NewErasure[]> {
    return erasuresIn((await this.#run(notedErasures, partition, [String(skip), String(limit)])) as string[])
  }

  async state(partition: number): Promise<PartitionState> {
    return partitionState(partition, await this.#run(state, partition, []))
  }

  unreachable(): Promise<string[]> {
    return this.#databases.unreachable()
  }

  async #clocks(tenantId: string, of: (placement: Placement) => number[]): Promise<number[]> {
    return (await this.#asked(clock, tenantId, [tenantId], of)).map(({ reply }) => Number(reply))
  }

  #run(script: Script, partition: number, args: string[]): Promise<Reply> {
    return this.#databases.run(script, partition, args)
  }
}

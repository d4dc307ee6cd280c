// Bugs in the order of calls, and in what follows a failure: wrappers around the real stores.

import { decimal, text } from '../../../src/kernel/decimal.ts'
import { digest128 } from '../../../src/kernel/digest.ts'
import { TALLY_CUSTOMER } from '../../../src/metering/counter.ts'
import type {
  Accepted,
  LiveCounter,
  MergedValue,
  RecordBatch,
  Totals,
  UsageStore,
  Verdict,
} from '../../../src/metering/ports.ts'
import { readUsage, type UsageQuantity } from '../../../src/metering/read-usage.ts'
import type { RedisConnection } from '../../../src/stores/redis/connection.ts'
import type { Bug, Counters } from '../bug.ts'
import { replaced } from './replaced.ts'

const CLAIM = `local verdicts = ''
for i = 1, #ARGV, 2 do
  local seen = redis.call('HGET', KEYS[1], ARGV[i])
  if not seen then redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]); verdicts = verdicts .. 'n'
  else verdicts = verdicts .. (seen == ARGV[i + 1] and 'd' or 'c') end
end
return verdicts`

/** First the ids, in one call, and then the counting, in another. */
function claimingFirst(real: Counters, connection: RedisConnection): Counters {
  const record = async (batch: RecordBatch) => {
    const key = `tg:{0}:dd:claims:${batch.tenantId}`
    const pairs = batch.events.flatMap((event) => [event.idDigest, event.fingerprint])
    const letters = [...((await connection.eval(CLAIM, [key], pairs)) as string)]
    const news = batch.events.filter((_, i) => letters[i] === 'n')
    const outcome = news.length > 0 ? await real.record({ ...batch, events: news }) : null
    if (outcome !== null && outcome.kind !== 'recorded') return outcome
    const verdicts = letters.map(
      (letter): Verdict => (letter === 'n' ? 'accepted' : letter === 'd' ? 'duplicate' : 'conflict'),
    )
    const refused = batch.handling === 'strict' && verdicts.includes('conflict')
    return { kind: refused ? ('refused' as const) : ('recorded' as const), verdicts }
  }
  return replaced(real, { record })
}

/** Settled totals first, live counters second: what moves from Redis to Postgres in between is missed. */
const postgresFirst: typeof readUsage = async (services, tenant, query) => {
  const wanted = {
    ...query,
    tenantId: tenant.tenantId,
    meters: tenant.meters.filter(({ key }) => key === (query.meter ?? key)).map(({ id }) => id),
    levelMeters: [],
    groupPositions: [],
  }
  const settled = await services.usage.totals(wanted, [])
  const live = await services.counters.readLive(tenant.tenantId, query.customerIds)
  const sums = new Map<string, UsageQuantity>()
  const add = (customerId: string, id: string, a: string) => {
    const meter = tenant.meters.find((one) => one.id === id)
    if (!meter || (query.meter !== null && meter.key !== query.meter)) return
    const zero = {
      customerId,
      meter,
      window: 0,
      group: {},
      quantity: decimal('0'),
      settledQuantity: decimal('0'),
    }
    const one = sums.get(`${customerId} ${id}`) ?? zero
    sums.set(`${customerId} ${id}`, { ...one, quantity: one.quantity.plus(decimal(a)) })
  }
  for (const row of settled) add(row.customerId, row.meter, row.all.a)
  for (const counter of live.counters) add(counter.customerId, counter.meter, counter.a)
  return { config: tenant, quantities: [...sums.values()], incomplete: new Set() }
}

const SAME_SLOT = '0'
const inOneSlot = (counter: LiveCounter): LiveCounter => ({ ...counter, groups: JSON.stringify([SAME_SLOT]) })
const sumOf = (texts: string[]): string => text(texts.map(decimal).reduce((x, y) => x.plus(y), decimal('0')))
const merged = (values: MergedValue[]): MergedValue => ({
  a: sumOf(values.map(({ a }) => a)),
  b: sumOf(values.map(({ b }) => b)),
  aTimesBucketMs: '0',
})

/** The accounts of a meter as one, whatever slot they are of. */
const accountsInOne = (accounts: Accepted[]): Accepted[] => {
  const amount = (of: 'accepted' | 'lost') => ({
    events: sumOf(accounts.map((one) => one[of].events)),
    quantity: sumOf(accounts.map((one) => one[of].quantity)),
  })
  const lostSinceMs = accounts.find((one) => one.lostSinceMs !== null)?.lostSinceMs ?? null
  return [{ slot: SAME_SLOT, accepted: amount('accepted'), lost: amount('lost'), lostSinceMs }]
}

/** … and their tallies. */
const talliesInOne = (rows: Totals[]): Totals[] =>
  [...Map.groupBy(rows, ({ meter }) => meter).values()].map((ofMeter) => ({
    ...ofMeter[0]!,
    groups: [SAME_SLOT],
    all: merged(ofMeter.map(({ all }) => all)),
    settled: merged(ofMeter.flatMap(({ settled }) => settled ?? [])),
  }))

const usage = (wrong: (real: UsageStore) => Partial<UsageStore>) => (real: UsageStore) =>
  replaced(real, wrong(real))
const counters = (wrong: (real: Counters) => Partial<Counters>) => (real: Counters) =>
  replaced(real, wrong(real))

export const storeBugs: Bug[] = [
  {
    name: 'one account for all',
    what: 'what Redis has forgotten of one server makes up for what it has lost of another',
    counters: counters((real) => ({
      readAccepted: async (tenantId, meters) => {
        const read = await real.readAccepted(tenantId, meters)
        const inOne = [...read.meters].map(([id, accounts]) => [id, accountsInOne(accounts)] as const)
        return { ...read, counters: read.counters.map(inOneSlot), meters: new Map(inOne) }
      },
    })),
    usage: usage((real) => ({
      totals: async (query, live) => {
        const rows = await real.totals(query, live)
        return query.customerIds[0] === TALLY_CUSTOMER ? talliesInOne(rows) : rows
      },
    })),
  },
  {
    name: 'claim before count',
    what: 'the ids are claimed in one call, and counted in the next',
    counters: claimingFirst,
  },
  {
    name: 'Postgres read first',
    what: 'a read asks Postgres first and Redis second',
    read: (services, tenant, query) =>
      query.meter !== null && query.groupBy.length === 0
        ? postgresFirst(services, tenant, query)
        : readUsage(services, tenant, query),
  },
  {
    name: 'discard after a failed settle',
    what: 'a segment whose settling failed is discarded like any other',
    usage: usage((real) => ({
      settle: (segment, content, blocks) =>
        real.settle(segment, content, blocks).catch(() => ({ applied: false })),
    })),
  },
  {
    name: 'a retry with new ids',
    what: 'when no reply comes, the batch is sent again with ids made anew',
    counters: counters((real) => ({
      record: (batch) =>
        real.record(batch).catch(() =>
          real.record({
            ...batch,
            events: batch.events.map((event) => ({ ...event, idDigest: digest128(crypto.randomUUID()) })),
          }),
        ),
    })),
  },
  {
    name: 'no reply is success',
    what: 'a batch whose outcome is unknown is answered as accepted',
    counters: counters((real) => ({
      record: (batch) =>
        real.record(batch).catch(() => ({
          kind: 'recorded' as const,
          verdicts: batch.events.map(() => 'accepted' as const),
        })),
    })),
  },
  {
    name: 'discard before settle',
    what: 'a segment is dropped from Redis just before Postgres gets it',
    counters: counters((real) => ({
      readSegment: async (segment) => {
        const content = await real.readSegment(segment)
        await real.discard(segment, content)
        return content
      },
    })),
  },
]

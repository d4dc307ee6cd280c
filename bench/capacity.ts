// `npm run capacity`: what carries how much, which limit comes first, and what it costs a month; computed from figures that were
// measured and from list prices (capacity-figures.ts).

import { defaultLimits } from '../src/metering/limits.ts'
import { allowed, ID_BYTES_UPSTASH, measured, prices } from './capacity-figures.ts'
import { whole } from './report.ts'

const SECONDS_A_MONTH = 86_400 * 30.4
const RATES = [1_000, 10_000, 100_000, 1_000_000]
const BATCH = 100
/** No part is planned for more than half of what it was measured to do. */
const HEADROOM = 0.5
/** An id is known for a window, and takes memory for so many, on average. */
const WINDOWS_KEPT = { upstash: 1.5, redis: 1.25 }
/** Each customer sends an event every ten seconds, to three meters: so every counter is settled by every run. */
const CUSTOMERS_PER_EVENT = 10
const METERS = 3
/** Of the Postgres that was measured: that of two cores is taken for two compute units of Neon. */
const POSTGRES_LEAST = 0.125
const UNITS = 2

const of = (name: keyof typeof measured): number => measured[name].value
const millionsAMonth = (perSecond: number): number => (perSecond * SECONDS_A_MONTH) / 1e6
const gigabytes = (bytes: number): number => bytes / 1e9
const beyond = ({ included, each }: { included: number; each: number }, millions: number): number =>
  Math.max(0, millions - included) * each
const parts = (wanted: number, each: number): number => Math.max(1, Math.ceil(wanted / (each * HEADROOM)))
const dollars = (amount: number): string => `$${whole(amount)}`

/** Settling every minute, or as seldom as the bound of what waits in each partition allows; `postgres`: times the measured one. */
function settling(events: number, partitions: number): { ageSeconds: number; postgres: number } {
  const counters = events * CUSTOMERS_PER_EVENT * METERS
  const most = of('settledPerSecond') * HEADROOM
  const waiting = defaultLimits.backlogMaxLogBytes * HEADROOM * partitions
  const ageMost = Math.max(1, Math.floor(waiting / (events * of('hotLogBytes')) / 60)) * 60
  const ageSeconds = Math.min(ageMost, Math.max(1, Math.ceil(counters / most / 60)) * 60)
  return { ageSeconds, postgres: Math.max(POSTGRES_LEAST, counters / ageSeconds / most) }
}

/** On Cloudflare, Upstash and Neon, with the log in R2. */
function edge(events: number) {
  const calls = events / BATCH
  const commands = calls * of('commandsPerCall')
  const ids = gigabytes(events * 86_400 * WINDOWS_KEPT.upstash * ID_BYTES_UPSTASH)
  const databases = Math.max(
    parts(commands, allowed.upstashCommandsPerSecond),
    Math.ceil(ids / (allowed.upstashGigabytes * HEADROOM)),
  )
  const { ageSeconds, postgres } = settling(events, databases)
  const cpuMs = (1_000 * BATCH) / of('nodeBatchedPerSecond')
  const workers =
    prices.workersBase +
    beyond(prices.workersRequests, millionsAMonth(calls)) +
    beyond(prices.workersCpu, millionsAMonth(calls) * cpuMs)
  const traffic = gigabytes(2 * events * of('hotLogBytes') * SECONDS_A_MONTH)
  const upstash =
    millionsAMonth(commands) * prices.upstashCommands +
    ids * prices.upstashStorage +
    beyond(prices.upstashBandwidth, traffic)
  const days = gigabytes((events * CUSTOMERS_PER_EVENT * METERS * of('monthBytes')) / 15)
  const hours = gigabytes(events * CUSTOMERS_PER_EVENT * METERS * 24 * 100 * of('hourBytes'))
  const neon =
    postgres * UNITS * 24 * 30.4 * prices.neonComputeHour + (12 * days + hours) * prices.neonStorage
  const log = gigabytes(events * of('logBytes') * SECONDS_A_MONTH)
  const r2 = 12 * log * prices.r2Storage
  return { commands, databases, ids, settled: settledText(ageSeconds, postgres), workers, upstash, neon, r2 }
}

const settledText = (ageSeconds: number, postgres: number): string =>
  `every ${ageSeconds / 60} min, ${postgres < 1 ? 'a part of' : `${postgres.toFixed(1)} times`} the Postgres measured`

function edgeRow(events: number): string[] {
  const { commands, databases, ids, settled, workers, upstash, neon, r2 } = edge(events)
  return [
    `${whole(events)}/s`,
    `${whole(commands)}/s, ${databases} database${databases === 1 ? '' : 's'}`,
    `${whole(ids)} GB of ids`,
    settled,
    [dollars(workers), dollars(upstash), dollars(neon), dollars(r2)].join(' + '),
    dollars(workers + upstash + neon + r2),
    `$${((workers + upstash + neon + r2) / millionsAMonth(events)).toFixed(2)}`,
  ]
}

function serverRow(events: number): string[] {
  const processes = parts(events, of('nodeBatchedPerSecond'))
  const redis = parts(events, of('redisEventsPerSecond'))
  const { ageSeconds, postgres } = settling(events, redis)
  const ids = gigabytes(events * 86_400 * WINDOWS_KEPT.redis * of('idBytesRedis'))
  const log = gigabytes(events * of('logBytes') * SECONDS_A_MONTH)
  return [
    `${whole(events)}/s`,
    `${processes} process${processes === 1 ? '' : 'es'}`,
    `${redis} Redis, ${whole(ids / redis)} GB of ids each`,
    settledText(ageSeconds, postgres),
    `${whole(log)} GB a month`,
  ]
}

/** Where each part ends, the lowest first: events a second. */
function ends(): string[][] {
  const waitSeconds = (defaultLimits.segmentMaxAgeMs + defaultLimits.settleAfterMs) / 1_000
  const { backlogMaxLogBytesPerTenant, backlogMaxCountersPerTenant } = defaultLimits
  const rows: [string, number, string][] = [
    [
      'single events through a Worker, no committer, one Upstash database',
      allowed.upstashCommandsPerSecond / of('commandsPerCall'),
      'bind `COMMITTER`; send batches',
    ],
    [
      'one tenant whose customers send every ten seconds, to three meters: 250,000 of its counters may wait',
      backlogMaxCountersPerTenant / METERS / CUSTOMERS_PER_EVENT,
      'spread the tenant over partitions; each has its own bound',
    ],
    [
      'one tenant: 500 MB of its log may wait, for as long as a segment is open and until it is settled',
      backlogMaxLogBytesPerTenant / of('hotLogBytes') / waitSeconds,
      'spread the tenant over partitions; each has its own bound',
    ],
    [
      'single events, one Node process',
      of('nodeSinglePerSecond'),
      '`PROCESSES`, one for each core; send batches',
    ],
    [
      'single events through a Worker with the committer, one Upstash database',
      allowed.upstashCommandsPerSecond / of('commandsJoined'),
      'several databases: `COUNTER_DATABASES`',
    ],
    [
      'settling every minute into one Postgres, three counters a customer and minute',
      (of('settledPerSecond') * 60) / METERS / CUSTOMERS_PER_EVENT,
      'settle less often: `SEGMENT_MAX_AGE_SECONDS`; a larger Postgres',
    ],
    ['batches of 100, one Redis', of('redisEventsPerSecond'), 'several databases, or a Redis Cluster'],
    ['batches of 100, one Node process', of('nodeBatchedPerSecond'), '`PROCESSES`, and several servers'],
    [
      'batches of 100, one Upstash database',
      (allowed.upstashCommandsPerSecond / of('commandsPerCall')) * BATCH,
      'several databases: `COUNTER_DATABASES`',
    ],
  ]
  return rows.sort((a, b) => a[1] - b[1]).map(([what, events, then]) => [`${whole(events)}/s`, what, then])
}

const markdown = (head: string[], rows: string[][]): string =>
  [head, head.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n')

/** A million customers, each with a subscription and 15 counters. */
function million(): string[][] {
  const customers = 1_000_000
  const days = gigabytes(customers * of('monthBytes'))
  return [
    [
      'days in Postgres, a month of all',
      `${whole(days)} GB, ${dollars(days * prices.neonStorage)} a month for as long as they are kept`,
    ],
    [
      'the same by the hour, if all count in each of 24 hours for 100 days',
      `${whole(gigabytes(customers * 15 * 24 * 100 * of('hourBytes')))} GB: set \`HOURS_KEPT_DAYS\` to 35`,
    ],
    [
      'closing all of their invoices, one process',
      `${whole(customers / of('invoicesPerSecond') / 60)} minutes`,
    ],
    ['pages that a bill touches in Postgres', '49, however many customers there are'],
  ]
}

export const capacity = (): string =>
  [
    '**Where each part ends** (computed from what was measured, and from what the providers allow)\n',
    markdown(['events a second', 'what ends there', 'what to do then'], ends()),
    '\n**On Cloudflare, Upstash and Neon, batches of 100, the log in R2 and kept for a year** (computed)\n',
    markdown(
      [
        'events',
        'commands',
        'ids',
        'settled',
        'Workers + Upstash + Neon + R2 a month',
        'together',
        'a million events',
      ],
      RATES.map(edgeRow),
    ),
    '\n**On your own servers, batches of 100** (computed)\n',
    markdown(['events', 'Node', 'Redis', 'settled', 'log'], RATES.map(serverRow)),
    '\n**A million customers** (computed)\n',
    markdown(['what', 'how much'], million()),
    '\n**What was measured**\n',
    markdown(
      ['figure', 'of', 'by'],
      Object.values(measured).map(({ value, of: what, by }) => [
        value.toLocaleString('en-US'),
        what,
        `\`${by}\``,
      ]),
    ),
  ].join('\n')

if (import.meta.main) console.log(capacity())

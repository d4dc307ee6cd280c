// The only reader of the environment. Every variable is named here; an empty one is unset; what is wrong stops the start
// with its name. `.env.example` says what each is for.

import './kernel/explained.ts'
import { z } from 'zod'
import { type BillingSettings, defaultBillingSettings, LATE_SLACK_MS } from './billing/settings.ts'
import { blockStoreKinds } from './log/block-store.ts'
import { DEDUPE_WINDOW_HOURS_MOST, defaultLimits, type Limits } from './metering/limits.ts'
import { committerLocations } from './stores/redis/committers.ts'

const whole = (min: number, max: number) =>
  z
    .string()
    .regex(/^\d+$/, 'must be a whole number')
    .transform(Number)
    .refine((value) => value >= min && value <= max, `must be from ${min} to ${max}`)

/** Of a cluster with several hosts, the first is as good as all. */
const isAddress = (value: string): boolean =>
  value.split(',').every((host, i) => URL.canParse(i === 0 ? host : `redis://${host}`))

const url = (...protocols: string[]) =>
  z
    .string()
    .refine(
      (value) => isAddress(value) && protocols.some((protocol) => value.startsWith(`${protocol}://`)),
      `must be a URL that begins with ${protocols.map((one) => `${one}://`).join(' or ')}`,
    )

const DATABASE_PROTOCOLS = ['redis', 'rediss', 'redis+cluster', 'rediss+cluster', 'http', 'https']

/** "name=url name=url …"; what is wrong is told without an address, which may hold a secret. */
const counterDatabases = z.string().transform((value, context) => {
  const wrong = (message: string) => {
    context.addIssue({ code: 'custom', message })
    return z.NEVER
  }
  const named = new Map<string, string>()
  for (const [i, one] of value.trim().split(/\s+/).entries()) {
    const [, name, address] = /^([a-z][a-z0-9-]{0,31})=(.+)$/.exec(one) ?? []
    if (name === undefined || address === undefined)
      return wrong(
        `must be name=url, with spaces between them; its ${i + 1}. part is not (names are of a-z, 0-9 and -)`,
      )
    if (named.has(name)) return wrong(`names ${name} twice`)
    const protocol = /^([a-z+]+):\/\//.exec(address)?.[1] ?? ''
    if (!DATABASE_PROTOCOLS.includes(protocol) || !isAddress(address))
      return wrong(
        `has no URL for ${name} that begins with ${DATABASE_PROTOCOLS.map((known) => `${known}://`).join(', ')}`,
      )
    if (protocol.startsWith('http') && new URL(address).password === '')
      return wrong(`has no token for ${name}: Upstash’s is written https://default:TOKEN@host`)
    named.set(name, address)
  }
  if (!named.has('main')) return wrong('must name main: it holds the counters that there are')
  return [...named].map(([name, url]) => ({ name, url }))
})

const eventLogs = [...blockStoreKinds, 'off'] as const

/** What a bucket in S3 needs; the region has a default. */
const s3Variables = ['S3_ENDPOINT', 'S3_BUCKET', 'S3_ACCESS_KEY_ID', 'S3_SECRET_ACCESS_KEY'] as const

const DAY_MS = 86_400_000

const isBareAddress = (value: string): boolean => {
  if (!URL.canParse(value)) return true
  const { username, password, search, hash } = new URL(value)
  return username + password + search + hash === ''
}

const schema = z
  .object({
    PORT: whole(0, 65_535).default(8787),
    PROCESSES: whole(1, 64).default(1),
    HOST: z.string().default('127.0.0.1'),
    ADMIN_TOKEN: z.string().min(16, 'must have at least 16 characters').optional(),
    DATA_DIR: z.string().default('.data'),
    REDIS_URL: url('redis', 'rediss', 'redis+cluster', 'rediss+cluster').optional(),
    UPSTASH_REDIS_REST_URL: url('http', 'https').optional(),
    UPSTASH_REDIS_REST_TOKEN: z.string().optional(),
    COUNTER_DATABASES: counterDatabases.optional(),
    DATABASE_URL: url('postgres', 'postgresql').optional(),
    NEON_FETCH_ENDPOINT: url('http', 'https').optional(),
    PARTITIONS: whole(1, 1_024).default(1),
    SEGMENT_MAX_AGE_SECONDS: whole(0, 3_600).optional(),
    SETTLE_AFTER_SECONDS: whole(0, 7_200).optional(),
    KEEP_SETTLED_MINUTES: whole(0, 10_080).default(60),
    DEDUPE_WINDOW_HOURS: whole(1, DEDUPE_WINDOW_HOURS_MOST).default(24),
    COMMIT_WAIT_MS: whole(0, 1_000).default(0),
    COMMITTER_LOCATION: z
      .enum(committerLocations, `must be one of ${committerLocations.join(', ')}`)
      .optional(),
    EVENT_MAX_AGE_DAYS: whole(1, 3_650).default(35),
    EVENT_MAX_AHEAD_MINUTES: whole(0, 1_440).default(5),
    FLUSH_EVERY_SECONDS: whole(1, 3_600).default(60),
    SEGMENTS_PER_FLUSH: whole(1, 1_000).default(15),
    INVOICE_GRACE_MINUTES: whole(0, 43_200).default(60),
    INVOICE_BATCHES_PER_RUN: whole(1, 1_000).default(10),
    IMPORT_LINES: whole(1_000, 1_000_000_000).optional(),
    EVENT_LOG: z.enum(eventLogs, `must be one of ${eventLogs.join(', ')}`).default('postgres'),
    EVENT_LOG_DAYS: whole(0, 36_500).default(0),
    HOURS_KEPT_DAYS: whole(0, 36_500).default(100),
    EVENT_LOG_FOLDER: z.string().optional(),
    S3_ENDPOINT: url('http', 'https')
      .refine(isBareAddress, 'must be an address alone, without a user or a query')
      .optional(),
    S3_BUCKET: z
      .string()
      .regex(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, 'must be a bucket’s name: 3 to 63 of a-z, 0-9, - and .')
      .optional(),
    S3_REGION: z
      .string()
      .regex(/^[a-z0-9-]{1,64}$/, 'must be a region’s name, such as eu-central-1, or auto')
      .default('us-east-1'),
    S3_ACCESS_KEY_ID: z
      .string()
      .regex(/^[\w.-]+$/, 'must be the id of a key')
      .optional(),
    S3_SECRET_ACCESS_KEY: z.string().optional(),
  })
  .refine(
    (env) => (env.UPSTASH_REDIS_REST_URL === undefined) === (env.UPSTASH_REDIS_REST_TOKEN === undefined),
    {
      path: ['UPSTASH_REDIS_REST_TOKEN'],
      message: 'must be set together with UPSTASH_REDIS_REST_URL',
    },
  )
  .refine((env) => env.REDIS_URL === undefined || env.UPSTASH_REDIS_REST_URL === undefined, {
    path: ['REDIS_URL'],
    message: 'must not be set together with UPSTASH_REDIS_REST_URL: COUNTER_DATABASES names several',
  })
  .refine(
    (env) =>
      env.COUNTER_DATABASES === undefined ||
      (env.REDIS_URL === undefined && env.UPSTASH_REDIS_REST_URL === undefined),
    {
      path: ['COUNTER_DATABASES'],
      message: 'must not be set together with REDIS_URL or UPSTASH_REDIS_REST_URL: name theirs main in it',
    },
  )
  .superRefine((env, context) => {
    if (env.PROCESSES === 1) return
    const one = `can’t be ${env.PROCESSES} with the embedded`
    const refuse = (message: string) => context.addIssue({ code: 'custom', path: ['PROCESSES'], message })
    const redis = [env.REDIS_URL, env.UPSTASH_REDIS_REST_URL, env.COUNTER_DATABASES]
    if (redis.every((one) => one === undefined))
      refuse(`${one} Redis, which is for one process: set REDIS_URL, or UPSTASH_REDIS_REST_URL and its token`)
    if (env.DATABASE_URL === undefined) refuse(`${one} Postgres, which is for one process: set DATABASE_URL`)
  })
  .superRefine((env, context) => {
    if (env.EVENT_LOG !== 's3') return
    for (const name of s3Variables)
      if (env[name] === undefined)
        context.addIssue({ code: 'custom', path: [name], message: 'is required where EVENT_LOG is s3' })
  })

export type Config = z.output<typeof schema>

/** `env`: process.env in Node, the bindings in a Worker. Throws an Error that names every wrong variable. */
export function readConfig(env: Record<string, unknown>): Config {
  const known = Object.keys(schema.shape)
  const set = Object.fromEntries(
    known
      .filter((name) => env[name] !== undefined && env[name] !== '')
      .map((name) => [name, String(env[name])]),
  )
  const parsed = schema.safeParse(set)
  if (parsed.success) return parsed.data
  const lines = parsed.error.issues.map((issue) => `  ${issue.path.join('.')} ${issue.message}`)
  throw new Error(`The environment is not right:\n${lines.join('\n')}`)
}

/** Tells that a variable the entry can't do without is missing. */
export function requireConfig<Name extends keyof Config>(
  config: Config,
  ...names: Name[]
): { [N in Name]: NonNullable<Config[N]> } {
  const missing = names.filter((name) => config[name] === undefined)
  if (missing.length > 0)
    throw new Error(
      `The environment is not right:\n${missing.map((name) => `  ${name} is required`).join('\n')}`,
    )
  return config as { [N in Name]: NonNullable<Config[N]> }
}

/**
 * Counters in another process can come back from the past after a failover, and need the fence of a segment's age. Embedded
 * ones can't. SEGMENT_MAX_AGE_SECONDS=0 says that there is no fence.
 */
export function limitsOf(config: Config, counters: 'embedded' | 'remote'): Limits {
  const ageSeconds =
    config.SEGMENT_MAX_AGE_SECONDS ?? (counters === 'embedded' ? 0 : defaultLimits.segmentMaxAgeMs / 1000)
  const settleAfterSeconds =
    config.SETTLE_AFTER_SECONDS ?? (ageSeconds === 0 ? 0 : ageSeconds + FENCE_SLACK_SECONDS)
  if (ageSeconds > 0 && settleAfterSeconds < ageSeconds + FENCE_SLACK_SECONDS) {
    throw new Error(
      `The environment is not right:\n  SETTLE_AFTER_SECONDS must be at least ${FENCE_SLACK_SECONDS} more than SEGMENT_MAX_AGE_SECONDS`,
    )
  }
  return {
    ...defaultLimits,
    segmentMaxAgeMs: ageSeconds === 0 ? Number.POSITIVE_INFINITY : ageSeconds * 1000,
    settleAfterMs: settleAfterSeconds * 1000,
    keepSettledMs: config.KEEP_SETTLED_MINUTES * 60_000,
    dedupeWindowMs: config.DEDUPE_WINDOW_HOURS * 3_600_000,
    eventMaxAgeMs: config.EVENT_MAX_AGE_DAYS * 86_400_000,
    eventMaxAheadMs: config.EVENT_MAX_AHEAD_MINUTES * 60_000,
    segmentsPerFlush: config.SEGMENTS_PER_FLUSH,
  }
}

/** `limits`: how old an event may be says how long an invoiced period may still change. */
export const billingSettingsOf = (config: Config, { eventMaxAgeMs }: Limits): BillingSettings => ({
  ...defaultBillingSettings,
  graceMs: config.INVOICE_GRACE_MINUTES * 60_000,
  lateMs: eventMaxAgeMs + LATE_SLACK_MS,
  batchesPerRun: config.INVOICE_BATCHES_PER_RUN,
})

/** Never less than an event may be old; 0: for ever. What open periods need is looked up where hours are dropped. */
export const hoursKeptDaysOf = ({ HOURS_KEPT_DAYS }: Config, { eventMaxAgeMs }: Limits): number =>
  HOURS_KEPT_DAYS === 0 ? 0 : Math.max(HOURS_KEPT_DAYS, Math.ceil((eventMaxAgeMs + LATE_SLACK_MS) / DAY_MS))

/** How far the clocks of two Redis nodes may be apart. */
const FENCE_SLACK_SECONDS = 15

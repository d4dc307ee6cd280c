// What the computation of capacity starts from: figures that were measured, each with the command that repeats it, and list prices.
// Put your own here, and run it again.

/** On two cores that the load ran on, too: a machine of your own does more. */
export const measured = {
  redisEventsPerSecond: {
    value: 66_172,
    of: 'events/s, one Redis, batches of 100',
    by: 'npm run bench -- --only record',
  },
  nodeBatchedPerSecond: {
    value: 56_789,
    of: 'events/s, one Node process, batches of 100',
    by: 'npm run bench -- --only http',
  },
  nodeSinglePerSecond: {
    value: 16_277,
    of: 'events/s, one Node process, one event a request',
    by: 'npm run bench -- --only http',
  },
  settledPerSecond: {
    value: 29_000,
    of: 'counters/s, settled into one Postgres',
    by: 'npm run bench -- --only log',
  },
  commandsPerCall: { value: 8, of: 'Redis commands a call', by: 'npm run bench -- --only record' },
  commandsJoined: {
    value: 0.39,
    of: 'Redis commands a single event, through the committer',
    by: 'npm run bench -- --only scale',
  },
  idBytesRedis: {
    value: 36,
    of: 'bytes an event id on a Redis server',
    by: 'npm run bench -- --only scale',
  },
  hotLogBytes: {
    value: 200,
    of: 'bytes of log an event in Redis, until it is settled',
    by: 'npm run bench -- --only log',
  },
  logBytes: { value: 205, of: 'bytes an event in the log, for good', by: 'npm run bench -- --only log' },
  monthBytes: {
    value: 51_364,
    of: 'bytes a customer with 15 counters and month, in days',
    by: 'npm run bench -- --only month',
  },
  hourBytes: {
    value: 233,
    of: 'bytes a counter and hour, as long as hours are kept',
    by: 'npm run bench -- --only month',
  },
  invoicesPerSecond: {
    value: 2_470,
    of: 'subscriptions closed a second',
    by: 'npm run bench -- --only invoices',
  },
} as const

/** An id on Upstash, as computed: 27 characters, and its share of a key and of room that is not full yet. */
export const ID_BYTES_UPSTASH = 37

/** US dollars, as the providers listed them in 2026. */
export const prices = {
  workersBase: 5,
  /** a million requests, and a million ms of processor time, beyond what is included */
  workersRequests: { included: 10, each: 0.3 },
  workersCpu: { included: 30, each: 0.02 },
  objectRequests: { included: 1, each: 0.15 },
  upstashCommands: 2,
  /** a GB and month, and a GB that goes in or out beyond 200 */
  upstashStorage: 0.25,
  upstashBandwidth: { included: 200, each: 0.03 },
  neonComputeHour: 0.222,
  neonStorage: 0.35,
  r2Storage: 0.015,
  r2Writes: 4.5,
} as const

/** What the providers allow. */
export const allowed = {
  upstashCommandsPerSecond: 10_000,
  upstashGigabytes: 100,
} as const

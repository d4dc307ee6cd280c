// `npm run dev`: the real Worker with the real clients, local backends behind them, a demo to try, and the cron.

import { randomBytes } from 'node:crypto'
import { join, resolve } from 'node:path'
import { readConfig } from '../config.ts'
import { environment } from '../env-file.ts'
import { onStop } from '../on-stop.ts'
import { startLocalBackends } from './backends.ts'
import { seedDemo } from './demo.ts'
import { isNoise, welcome } from './dev-output.ts'
import { lastFlush } from './last-flush.ts'
import { startWorker } from './worker-process.ts'

/** What the Worker takes from this environment as it is. Where its stores are, it is told from here. */
const passedOn = [
  'PARTITIONS',
  'SEGMENT_MAX_AGE_SECONDS',
  'SETTLE_AFTER_SECONDS',
  'KEEP_SETTLED_MINUTES',
  'DEDUPE_WINDOW_HOURS',
  'COMMIT_WAIT_MS',
  'EVENT_MAX_AGE_DAYS',
  'EVENT_MAX_AHEAD_MINUTES',
  'SEGMENTS_PER_FLUSH',
  'INVOICE_GRACE_MINUTES',
  'INVOICE_BATCHES_PER_RUN',
  'EVENT_LOG',
  'EVENT_LOG_DAYS',
  'HOURS_KEPT_DAYS',
  'S3_ENDPOINT',
  'S3_BUCKET',
  'S3_REGION',
  'S3_ACCESS_KEY_ID',
  'S3_SECRET_ACCESS_KEY',
]
const read = [
  'PORT',
  'DATA_DIR',
  'ADMIN_TOKEN',
  'REDIS_URL',
  'DATABASE_URL',
  'FLUSH_EVERY_SECONDS',
  ...passedOn,
]

const log = (line: string) => console.log(line)
const stamped = (line: string) => log(`${new Date().toTimeString().slice(0, 8)}  ${line}`)

/** Closed in reverse order, and on whatever step of the start it has to stop. */
const closing: (() => Promise<void>)[] = []
const aborted = new AbortController()
const stop = onStop(async (reason) => {
  if (reason !== null) log(`\n${reason}: stopping …`)
  aborted.abort()
  let well = true
  for (let close = closing.pop(); close !== undefined; close = closing.pop()) {
    await close().catch((error: Error) => {
      well = false
      console.error(error.message)
    })
  }
  if (!well) log('Stopped, not cleanly.')
  else if (reason !== null) log('Stopped. Everything is kept for the next start.')
  return well
})

/** Closes what is opened here even if it must stop before it is open. */
function opening<T extends { close(): Promise<void> }>(resource: Promise<T>): Promise<T> {
  closing.push(async () => (await resource.catch(() => undefined))?.close())
  return resource
}

async function start(): Promise<void> {
  const env = environment()
  const given = (names: string[]) =>
    Object.fromEntries(names.flatMap((name) => (env[name] ? [[name, env[name]]] : [])))
  const config = readConfig(given(read))
  const { PORT: port, REDIS_URL: redisUrl, DATABASE_URL: databaseUrl } = config
  const dataDir = resolve(config.DATA_DIR)
  const adminToken = config.ADMIN_TOKEN ?? randomBytes(18).toString('base64url')

  log('Starting Redis, Postgres and the Worker …')
  const backends = await opening(startLocalBackends({ dataDir, redisUrl, databaseUrl, log: stamped }))
  let started = false
  const worker = await opening(
    startWorker({
      env: { ...backends.env, ...(given(passedOn) as Record<string, string>), ADMIN_TOKEN: adminToken },
      port,
      // With EVENT_LOG=r2 the log is in a bucket of miniflare's: it has to last as long as its index does.
      state: join(dataDir, 'worker'),
      signal: aborted.signal,
      onLine: (line) => {
        if (started && !isNoise(line)) stamped(line)
      },
    }),
  )
  process.on('exit', worker.kill)
  void worker.exited.then(() => stop('The Worker has ended', 1))
  closing.push(() => lastFlush(worker.url, adminToken, log))

  const demo = await seedDemo({ baseUrl: worker.url, adminToken, file: join(dataDir, 'demo.json') })
  started = true
  log(
    welcome({
      url: worker.url,
      adminToken,
      dataDir,
      redisUrl,
      databaseUrl,
      ...demo,
      everySeconds: config.FLUSH_EVERY_SECONDS,
    }),
  )

  closing.push(every(config.FLUSH_EVERY_SECONDS * 1000, () => worker.fireCron()))
}

/** Does it again so long after it was done. Returns what ends that, when the last one is over. */
function every(ms: number, work: () => Promise<void>): () => Promise<void> {
  let timer: NodeJS.Timeout | undefined
  let running: Promise<void> = Promise.resolve()
  const wait = () => {
    timer = setTimeout(() => {
      running = work()
        .catch((error: Error) => stamped(error.message))
        .finally(() => aborted.signal.aborted || wait())
    }, ms)
  }
  wait()
  return async () => {
    clearTimeout(timer)
    await running
  }
}

try {
  await start()
} catch (error) {
  if (!aborted.signal.aborted) console.error((error as Error).message)
  stop(null, 1)
}

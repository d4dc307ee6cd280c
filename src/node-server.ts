// One process of the Node server: serves, and runs the jobs if that is its part. On SIGINT or SIGTERM it drains its requests,
// settles what only memory holds, and ends; a second signal ends it at once.

import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { getRequestListener } from '@hono/node-server'
import { closeRange } from './billing/invoices/close-due.ts'
import { closeInRanges } from './billing/invoices/close-ranges.ts'
import { type ComposedNode, composeNode } from './compose-node.ts'
import { againAndAgain } from './jobs/again-and-again.ts'
import { flushRest } from './jobs/flush-job.ts'
import { periodicJobs } from './jobs/periodic.ts'
import { withFiles } from './node-files.ts'
import { recordingListener } from './node-recording.ts'
import { onStop } from './on-stop.ts'

const DRAIN_MS = 10_000
/** Until a request is here whole: an import of millions of lines is one, and is held up while settling catches up. */
const REQUEST_MS = 6 * 3_600_000
/** Longer than load balancers and clients keep a connection idle, a minute for the most part: else they send on one that is just being closed. */
const IDLE_MS = 75_000
/** While one waits for a store, another one computes. */
const RANGES_AT_ONCE = 2

export type ServerPart = {
  log: (line: string) => void
  /** whether it settles and issues invoices, by a timer: one process of several does */
  jobs: boolean
  /** Whether it says where it is: one of several leaves that to who started it. */
  announced: boolean
}

/** Throws an Error that says what is wrong. */
export async function startServer(
  env: Record<string, unknown>,
  { log, jobs, announced }: ServerPart,
): Promise<void> {
  const composed = await composeNode(env, log)
  const { app, services, keys, config } = composed
  const server = createServer(
    recordingListener({ ...services, keys }, getRequestListener(withFiles(app.fetch))),
  )
  server.requestTimeout = REQUEST_MS
  server.keepAliveTimeout = IDLE_MS
  server.listen(config.PORT, config.HOST, () => {
    const { port } = server.address() as AddressInfo
    if (announced) log(`Tollgate is at http://${config.HOST}:${port}  (reference: /docs)`)
    else log(`pid ${process.pid} serves`)
  })
  server.on('error', async (error: NodeJS.ErrnoException) => {
    console.error(
      error.code === 'EADDRINUSE' ? `Port ${config.PORT} is taken. Set PORT to another one.` : error.message,
    )
    await composed.close()
    process.exit(1)
  })

  const stopJobs = jobs ? runJobs(composed, log) : async () => {}
  onStop(async (reason) => {
    log(`${reason}: draining`)
    await Promise.all([drained(server), stopJobs()])
    if (jobs) await flushRest(services, log)
    await composed.close()
    return true
  })
}

/** Returns what ends them. */
function runJobs({ services, config }: ComposedNode, log: ServerPart['log']): () => Promise<void> {
  const everyMs = config.FLUSH_EVERY_SECONDS * 1000
  const jobs = periodicJobs(services, {
    ...{ log, everyMs, allAtStart: true },
    close: (own) => closeInRanges(own, (range) => closeRange(own, range), RANGES_AT_ONCE),
  })
  return againAndAgain(jobs, everyMs)
}

/** Idle connections close at once, busy ones when they have been answered, or after a while. */
function drained(draining: Server): Promise<void> {
  return new Promise((resolve) => {
    draining.close(() => resolve())
    draining.closeIdleConnections()
    setTimeout(() => draining.closeAllConnections(), DRAIN_MS).unref()
  })
}

// The Node server: composes and starts, nothing else. On SIGINT or SIGTERM it drains its requests, settles what only memory
// holds, and ends; a second signal ends it at once.

import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { getRequestListener } from '@hono/node-server'
import { type ComposedNode, composeNode } from './compose-node.ts'
import { environment } from './env-file.ts'
import { flushRest } from './jobs/flush-job.ts'
import { periodicJobs } from './jobs/periodic.ts'
import { withFiles } from './node-files.ts'
import { recordingListener } from './node-recording.ts'
import { onStop } from './on-stop.ts'

const DRAIN_MS = 10_000
const log = (line: string): void => console.log(line)

const composed = await composeNode(environment(), log).catch((error: Error) => {
  console.error(error.cause instanceof Error ? error.cause.message : String(error.cause ?? error.message))
  process.exit(1)
})
const { app, services, keys, config } = composed

const server = createServer(
  recordingListener({ ...services, keys }, getRequestListener(withFiles(app.fetch))),
)
server.listen(config.PORT, config.HOST, () => {
  const { port } = server.address() as AddressInfo
  log(`Tollgate is at http://${config.HOST}:${port}  (reference: /docs)`)
})
server.on('error', async (error: NodeJS.ErrnoException) => {
  console.error(
    error.code === 'EADDRINUSE' ? `Port ${config.PORT} is taken. Set PORT to another one.` : error.message,
  )
  await composed.close()
  process.exit(1)
})

let stopping = false
let timer: NodeJS.Timeout | undefined
let running: Promise<unknown> = Promise.resolve()
const everyMs = config.FLUSH_EVERY_SECONDS * 1000
const jobs = periodicJobs(services, { log, everyMs, closeAtStart: true })
function runJobsLater(): void {
  timer = setTimeout(() => {
    running = jobs().finally(() => {
      if (!stopping) runJobsLater()
    })
  }, everyMs)
}
runJobsLater()

onStop(async (reason) => {
  log(`${reason}: draining`)
  stopping = true
  await stop(composed, server)
  return true
})

async function stop({ close }: ComposedNode, draining: Server): Promise<void> {
  clearTimeout(timer)
  await drained(draining)
  await running
  await flushRest(services, log)
  await close()
}

/** Idle connections close at once, busy ones when they have been answered, or after a while. */
function drained(draining: Server): Promise<void> {
  return new Promise((resolve) => {
    draining.close(() => resolve())
    draining.closeIdleConnections()
    setTimeout(() => draining.closeAllConnections(), DRAIN_MS).unref()
  })
}

// The Cloudflare Worker: composes and starts, nothing else. Clients are made once an isolate; they hold no connection.

import { type Composed, composeWorker } from './compose-worker.ts'
import { periodicJobs } from './jobs/periodic.ts'

type Running = Composed & { jobs: () => Promise<unknown> }

/** As often as wrangler.toml has it. */
const CRON_EVERY_MS = 60_000

let running: Running | undefined

function runningIn(env: Record<string, unknown>): Running {
  if (running === undefined) {
    const composed = composeWorker(env)
    const options = { log: console.log, everyMs: CRON_EVERY_MS, closeAtStart: false }
    running = { ...composed, jobs: periodicJobs(composed.services, options) }
  }
  return running
}

export default {
  fetch(request: Request, env: Record<string, unknown>): Response | Promise<Response> {
    try {
      return runningIn(env).app.fetch(request)
    } catch (error) {
      console.error(String(error))
      const problem = {
        type: 'about:blank',
        title: 'The service is misconfigured',
        status: 500,
        code: 'misconfigured',
        detail: 'Its log names the variable that is wrong.',
      }
      return Response.json(problem, { status: 500, headers: { 'content-type': 'application/problem+json' } })
    }
  },

  async scheduled(_event: unknown, env: Record<string, unknown>): Promise<void> {
    await runningIn(env).jobs()
  },
}

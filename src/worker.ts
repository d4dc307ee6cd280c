// The Cloudflare Worker: composes and starts, nothing else. Clients are made once an isolate; they hold no connection.

import { type ComposedWorker, composeWorker } from './compose-worker.ts'
import { cronJobs } from './worker-jobs.ts'

export { Committer } from './committer.ts'

type Running = ComposedWorker & { jobs: () => Promise<void> }

let running: Running | undefined

function runningIn(env: Record<string, unknown>): Running {
  if (running === undefined) {
    const composed = composeWorker(env)
    running = { ...composed, jobs: cronJobs(composed, env.COMMITTER) }
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

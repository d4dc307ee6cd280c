// The Cloudflare Worker: composes and starts, nothing else. Clients are made once an isolate; they hold no connection.

import { type Composed, composeWorker } from './compose-worker.ts'
import { flushJob } from './jobs/flush-job.ts'

let composed: Composed | undefined

function compositionOf(env: Record<string, unknown>): Composed {
  composed ??= composeWorker(env)
  return composed
}

export default {
  fetch(request: Request, env: Record<string, unknown>): Response | Promise<Response> {
    try {
      return compositionOf(env).app.fetch(request)
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
    await flushJob(compositionOf(env).services, console.log)
  },
}

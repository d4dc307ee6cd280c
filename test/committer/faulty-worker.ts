// The Worker with committers that fail, as POST /fault says. What is thrown at the Worker is thrown where Cloudflare would: the
// object is ended by the runtime, and its overload is told by the stub that a caller holds.

import { Committer as RealCommitter } from '../../src/committer.ts'
import type { CommitterNamespace } from '../../src/stores/redis/committers.ts'
import worker from '../../src/worker.ts'
import { type Fault, type FaultyState, faults } from './faults.ts'

/** The objects run in the same isolate as the Worker that calls them. */
const state: FaultyState = { fault: 'none', share: 0, seen: 0, failed: 0, names: {} }

const strikes = (fault: Fault): boolean => {
  // Once at least, however few calls come this far.
  if (state.fault !== fault || (state.failed > 0 && Math.random() >= state.share)) return false
  state.failed++
  return true
}
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

export class Committer extends RealCommitter {
  override async commit(call: string): Promise<string> {
    state.seen++
    if (strikes('throws_before')) throw new Error('before')
    if (strikes('killed_before')) this.ctx.abort('killed before')
    if (strikes('hangs')) return await new Promise<string>(() => {})
    if (strikes('slow')) await sleep(4_000)
    const answer = await super.commit(call)
    if (strikes('throws_after')) throw new Error('after')
    if (strikes('killed_after')) this.ctx.abort('killed after')
    if (strikes('answers_late')) await sleep(4_000)
    return strikes('answers_nonsense') ? 'null' : answer
  }
}

function faulty(namespace: CommitterNamespace): CommitterNamespace {
  return {
    idFromName(name) {
      const n = name.slice(name.indexOf('/') + 1)
      state.names[n] = (state.names[n] ?? 0) + 1
      return namespace.idFromName(name)
    },
    get: (id, options) => ({
      commit: async (call) => {
        if (strikes('overloaded')) throw Object.assign(new Error('too many requests'), { overloaded: true })
        if (strikes('unreachable')) throw Object.assign(new Error('network lost'), { retryable: true })
        return await namespace.get(id, options).commit(call)
      },
    }),
  }
}

export default {
  async fetch(request: Request, env: Record<string, unknown>): Promise<Response> {
    if (new URL(request.url).pathname !== '/fault')
      return await worker.fetch(request, { ...env, COMMITTER: faulty(env.COMMITTER as CommitterNamespace) })
    if (request.method === 'POST') {
      const wanted = (await request.json()) as { fault: Fault; share: number }
      if (!faults.includes(wanted.fault)) return new Response('no such fault', { status: 400 })
      Object.assign(state, { seen: 0, failed: 0, names: {} }, wanted)
    }
    return Response.json(state)
  },
}

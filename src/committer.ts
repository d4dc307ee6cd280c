// The Durable Object that joins single calls: what arrives while one of its calls to Redis is under way goes together in the
// next one. Requests may share I/O here, as they may not in a Worker. Others of it run jobs, each call with what an invocation
// may do. It keeps nothing, and so has nothing to lose.

import { DurableObject } from 'cloudflare:workers'
import type { CloseReport } from './billing/invoices/close-due.ts'
import type { DueRange } from './billing/invoices/due-range.ts'
import { composeCommitter, composeWorker } from './compose-worker.ts'
import type { Apart } from './jobs/apart.ts'
import type { FlushReport } from './metering/flush.ts'
import { jobsApart } from './worker-jobs.ts'

export class Committer extends DurableObject {
  #commit: ((call: string) => Promise<string>) | undefined
  #apart: Apart | undefined

  /** As stores/redis/committers.ts says it. */
  async commit(call: string): Promise<string> {
    this.#commit ??= composeCommitter(this.env)
    return await this.#commit(call)
  }

  /** This, `close` and `jobs`, as jobs/apart.ts says it. */
  async flush(partition: number): Promise<FlushReport> {
    return await this.#here().flush(partition)
  }

  async close(range: DueRange, lane: number): Promise<CloseReport> {
    return await this.#here().close(range, lane)
  }

  async jobs(): Promise<boolean> {
    return await this.#here().jobs()
  }

  #here(): Apart {
    this.#apart ??= jobsApart(composeWorker(this.env), this.env.COMMITTER)
    return this.#apart
  }
}

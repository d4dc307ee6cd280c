// Processes that die in the midst of their work, and a Postgres that is put back to where it began.

import { sql } from 'drizzle-orm'
import { TollgateError } from '../../src/kernel/errors.ts'
import type { Db } from '../../src/stores/postgres/db.ts'
import { intercept, interceptedLog, type LoggedWorld } from './world.ts'

export class Crash extends TollgateError {
  constructor() {
    super('store_unavailable', 'crash')
  }
}

export type Around = (name: string, call: () => Promise<unknown>) => Promise<unknown>

export const intercepted = (world: LoggedWorld, around: Around): LoggedWorld => ({
  ...world,
  ...interceptedLog(world, around),
  counters: intercept(world.counters, around),
  usage: intercept(world.usage, around),
})

/** A world that dies at its nth call: before the call reaches the store, or after it was applied and before its reply. */
export function dyingAt(world: LoggedWorld, n: number, when: 'before' | 'after') {
  let calls = 0
  let dead = false
  const dying = intercepted(world, async (_name, call) => {
    if (dead) throw new Crash()
    if (++calls < n) return call()
    dead = true
    if (when === 'after') await call()
    throw new Crash()
  })
  return { world: dying, died: () => dead }
}

export async function emptied(db: Db): Promise<void> {
  for (const table of ['usage', 'segments', 'log_customers', 'log_blocks', 'log_contents'])
    await db.execute(sql.raw(`delete from ${table}`))
}

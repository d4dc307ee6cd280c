// The app over its embedded stores, as `npm start` runs it with nothing configured: killed under load again and again, at moments
// that the seed decides, over one data folder. After every kill: what was acknowledged is there, and counted once.

import { truncateSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Random } from '../fuzz/random.ts'
import { App } from './app.ts'
import { freePort, newFolder, removeFolder } from './children.ts'
import { flushUntilOver, type Load, readUntilOver, sendUntilOver } from './clients.ts'
import { Ledger } from './ledger.ts'
import type { Served } from './site.ts'
import { newTenant } from './tenant.ts'
import { resolveUnknown, settleAll, verifyAccounts, verifyTotals } from './verify.ts'
import { verifyLog } from './verify-log.ts'
import { periodAround, Workload } from './workload.ts'

const CLIENTS = 6
const READERS = 2

export type Kill = { events: number; unknown: number; retries: number; reads: number; what: string }

export type EmbeddedOptions = {
  seed: string
  kills: number
  /** Cuts the file in half after a kill, to show that it would be noticed. */
  sabotage?: boolean
  onKill?: (kill: Kill) => void
}

/** Returns what must not have happened. */
export async function runEmbedded({ seed, kills, sabotage, onKill }: EmbeddedOptions): Promise<string[]> {
  const folder = newFolder()
  const violations: string[] = []
  const random = new Random(seed)
  const site: Served = {
    apps: [],
    adminToken: `admin-${crypto.randomUUID()}`,
    violations,
    // Nobody else could; and it is held for two segments at once only, of which there is one here.
    breakLease: async () => {},
  }
  // What is in Postgres the file may lose: with sabotage nothing is.
  const flushEvery = sabotage ? '3600' : '1'
  const env = { ADMIN_TOKEN: site.adminToken, FLUSH_EVERY_SECONDS: flushEvery, DEDUPE_WINDOW_HOURS: '1' }
  const app = new App({ folder, port: await freePort(), env }, (violation) => violations.push(violation))
  site.apps.push(app)
  try {
    app.start()
    await app.ready()
    const tenant = await newTenant(site, seed)
    const ledger = new Ledger(periodAround(Date.now()))
    const counts = { requests: 0, retries: 0, reads: 0, logReads: 0, gaveUp: 0 }
    const workload = new Workload(ledger, random, `event-${seed}`)
    const load = { site, ledger, workload, tenant, random, counts }
    for (let n = 0; n < kills && violations.length === 0; n++) {
      const before = { ...counts, events: ledger.sent.length }
      const what = await underLoad(load, app, sabotage ? join(folder, 'redis.aof') : null)
      const whole: Load = { ...load, over: () => violations.length > 0 }
      const unknown = await resolveUnknown(whole)
      if (violations.length === 0) await verifyTotals(whole, { settled: false })
      if (violations.length === 0) await verifyLog(whole, { settled: false })
      onKill?.({
        events: ledger.sent.length - before.events,
        retries: counts.retries - before.retries,
        reads: counts.reads - before.reads,
        unknown,
        what: `${what}, ${Math.round((await stat(join(folder, 'redis.aof'))).size / 1024)} KB`,
      })
    }
    const whole: Load = { ...load, over: () => true }
    const last = [
      () => settleAll(whole),
      () => verifyTotals(whole, { settled: true }),
      () => verifyLog(whole, { settled: true }),
      () => verifyAccounts(whole),
      // Stopped as it should be, and started again, it has all of it, too.
      async () => {
        await app.stop()
        app.start()
        await app.ready()
        await verifyTotals(whole, { settled: true })
        await verifyLog(whole, { settled: true })
      },
    ]
    for (const step of last) if (violations.length === 0) await step()
  } catch (error) {
    violations.push((error as Error).stack ?? String(error))
  } finally {
    if (violations.length > 0) violations.push('log of the app:', ...app.log.slice(-30))
    await app.stop()
    removeFolder(folder)
  }
  return violations
}

/** Load, in the midst of which the app is killed; it ends a little after that serves again. */
async function underLoad(load: Omit<Load, 'over'>, app: App, sabotaged: string | null): Promise<string> {
  const { random, site, ledger } = load
  const answered = () => ledger.sent.filter(({ ackedAt }) => ackedAt !== null).length
  const before = answered()
  let killed = false
  const over = () => killed || site.violations.length > 0
  const strike = async () => {
    const afterMs = 50 + random.int(900)
    const again = random.chance(0.25) ? 100 + random.int(1_200) : null
    while (answered() < before + 10 && site.violations.length === 0) await sleep(20)
    await sleep(afterMs)
    app.kill()
    if (sabotaged !== null) {
      while (app.running) await sleep(1)
      truncateSync(sabotaged, Math.round((await stat(sabotaged)).size / 2))
    }
    // While it starts: it may be at work on what it found.
    if (again !== null) {
      await sleep(again)
      app.kill()
    }
    await sleep(150)
    await app.ready()
    await sleep(random.int(300))
    return `killed after ${afterMs} ms${again === null ? '' : ` and again ${again} ms later`}`
  }
  const [what] = await Promise.all([
    strike().finally(() => {
      killed = true
    }),
    ...Array.from({ length: CLIENTS }, () => sendUntilOver({ ...load, over })),
    ...Array.from({ length: READERS }, () => readUntilOver({ ...load, over })),
    ...(sabotaged === null ? [flushUntilOver({ ...load, over })] : []),
  ])
  return what
}

// One round: load and faults for a while, then everything comes up, and the books are compared.

import { setTimeout as sleep } from 'node:timers/promises'
import { Random } from '../fuzz/random.ts'
import { flushUntilOver, type Load, readUntilOver, sendUntilOver } from './clients.ts'
import type { Fault } from './fault.ts'
import { faultsFor, isOutage } from './faults.ts'
import { Ledger } from './ledger.ts'
import { moveUntilOver, openPartitions } from './moves.ts'
import { type EventLog, type Machine, Site, type SiteOptions } from './site.ts'
import { newTenant } from './tenant.ts'
import { resolveUnknown, settleAll, verifyAccounts, verifyTotals } from './verify.ts'
import { verifyLog } from './verify-log.ts'
import { periodAround, Workload } from './workload.ts'

const CLIENTS = 5
const READERS = 3
const SECONDS = 5
/** Long enough for segments to be settled while the load goes on. */
const FENCED_SECONDS = 20

type SiteLoad = Load & { site: Site }

export type RoundResult = {
  events: number
  unknown: number
  counts: Load['counts']
  /** of the tenant, where there are several databases */
  moves: number
  restarts: number
  faults: string[]
  violations: string[]
  seconds: number
  options: SiteOptions
  logs: string[]
}

/** `sabotage`: what is lost of what is settled on purpose, to show that it would be noticed. `eventLog`: drawn if absent. */
export type RoundOptions = {
  seed: string
  fenced: boolean
  seconds?: number
  sabotage?: Sabotage | null
  eventLog?: EventLog | undefined
}

export async function runRound(
  machine: Machine,
  { seed, fenced, seconds, sabotage = null, eventLog }: RoundOptions,
): Promise<RoundResult> {
  const started = performance.now()
  const random = new Random(seed)
  const site = new Site(machine, {
    apps: random.chance(0.5) ? 2 : 1,
    fenceSeconds: fenced ? 1 : 0,
    appendfsync: random.chance(0.6) ? 'always' : 'everysec',
    database: `round_${crypto.randomUUID().replaceAll('-', '')}`,
    eventLog: eventLog ?? (random.chance(0.5) ? 'folder' : 'postgres'),
  })
  const counts = { requests: 0, retries: 0, reads: 0, logReads: 0, gaveUp: 0 }
  let moves = 0
  const faults: string[] = []
  const result = (events: number, unknown: number): RoundResult => ({
    events,
    unknown,
    counts,
    moves,
    faults,
    restarts: site.apps.reduce((sum, { starts }) => sum + starts - 1, 0),
    violations: site.violations,
    seconds: (performance.now() - started) / 1000,
    options: site.options,
    logs: site.apps.map((app, i) => [`log of app ${i}:`, ...app.log.slice(-40)].join('\n  ')),
  })
  try {
    await site.open()
    await openPartitions(site)
    const tenant = await newTenant(site, seed)
    const ledger = new Ledger(periodAround(Date.now()))
    const workload = new Workload(ledger, random, `event-${seed}`)
    const loadMs = (seconds ?? (fenced ? FENCED_SECONDS : SECONDS)) * 1000
    const until = performance.now() + loadMs
    let faultsLeft = true
    const over = () => (performance.now() > until && !faultsLeft) || site.violations.length > 0
    const load: SiteLoad = { site, ledger, workload, tenant, random, over, counts }
    await Promise.all([
      ...Array.from({ length: CLIENTS }, () => sendUntilOver(load)),
      ...Array.from({ length: READERS }, () => readUntilOver(load)),
      flushUntilOver(load),
      moveUntilOver(load, () => moves++),
      strike(load, loadMs, faults).finally(() => {
        faultsLeft = false
      }),
    ])
    const unknown = await endOfRound(load, sabotage)
    if (site.violations.length === 0) await site.close()
    return result(ledger.sent.length, unknown)
  } catch (error) {
    site.violations.push((error as Error).stack ?? String(error))
    return result(0, 0)
  } finally {
    if (site.violations.length > 0) await site.abandon()
  }
}

/** What goes wrong and when is decided beforehand; chance in the order of things remains. */
async function strike({ site, random }: SiteLoad, loadMs: number, names: string[]): Promise<void> {
  const catalogue = faultsFor(site.options, site.databases.length)
  const planned = ([name, fault]: [string, Fault]) => ({
    ...{ name, fault, atMs: 300 + random.int(loadMs - 300), random: new Random(random.word(12)) },
  })
  const drawn = Array.from({ length: 3 + random.int(4) + Math.floor(loadMs / 4_000) }, () =>
    planned(random.pick(catalogue)),
  )
  // Of several databases, one at least goes and comes back in every round: killed, where that loses nothing.
  const outages = catalogue.filter(([name]) => isOutage(name))
  const kills = outages.filter(([name]) => name.includes('killed'))
  const plan = [
    ...drawn,
    ...(site.databases.length > 1 ? [planned(random.pick(kills.length > 0 ? kills : outages))] : []),
  ].sort((x, y) => x.atMs - y.atMs)
  const began = performance.now()
  await Promise.all(
    plan.map(async ({ name, fault, atMs, random: own }) => {
      await sleep(Math.max(0, began + atMs - performance.now()))
      if (site.violations.length > 0) return
      names.push(name)
      // Faults may be in each other's way: what is down already can't be spoken to.
      await fault(site, own).catch(() => {})
    }),
  )
}

async function endOfRound(load: SiteLoad, sabotage: Sabotage | null): Promise<number> {
  const { site } = load
  if (site.violations.length > 0) return 0
  await site.heal()
  const unknown = await resolveUnknown(load)
  const steps = [
    () => verifyTotals(load, { settled: false }),
    () => verifyLog(load, { settled: false }),
    () => settleAll(load),
    async () => {
      if (sabotage !== null) await site.postgres.query(sabotages[sabotage], site.options.database)
    },
    () => verifyTotals(load, { settled: true }),
    () => verifyLog(load, { settled: true }),
    () => verifyAccounts(load),
  ]
  for (const step of steps) if (site.violations.length === 0) await step()
  return unknown
}

export type Sabotage = keyof typeof sabotages

export const sabotages = {
  counter: `delete from usage where ctid = (select ctid from usage where meter in (select id from meters where key = 'calls') and customer_id like 'digits-%' limit 1)`,
  block: 'delete from log_blocks where ctid = (select ctid from log_blocks limit 1)',
}

// What goes wrong in a round. Each fault ends by itself, what it took away is back then.

import { setTimeout as sleep } from 'node:timers/promises'
import type { Random } from '../fuzz/random.ts'
import { aimedAlways, aimedAtBlocks, aimedWhereNothingIsLost } from './aimed-faults.ts'
import { between, type Fault, killApp, restartPostgres, restartRedis } from './fault.ts'
import type { SiteOptions } from './site.ts'

/** Now and then longer than the app waits for Redis (5 s). */
const pauseMs = (random: Random): number =>
  random.chance(0.25) ? between(random, 5_200, 7_000) : between(random, 100, 2_500)

/** Faults that Redis survives, or after which it has all that it acknowledged, however it syncs. */
const always: Record<string, Fault> = {
  'app killed': killApp,
  'all apps killed': async ({ apps }) => {
    for (const app of apps) app.kill()
  },
  'app terminated': ({ apps }, random) => random.pick(apps).terminate(),
  'app paused': async ({ apps }, random) => {
    const app = random.pick(apps)
    app.pause()
    await sleep(between(random, 200, 3_000))
    app.resume()
  },
  'Postgres restarted': restartPostgres,
  'Postgres backends terminated': ({ postgres }) => postgres.terminateBackends(),
  'Postgres cut': async ({ wires }) => wires.postgres.cutAll(),
  'Postgres replies lost': async ({ wires }, random) => {
    wires.postgres.loseReplies()
    await sleep(between(random, 50, 500))
    wires.postgres.cutAll()
  },
  'Postgres silent': async ({ wires }, random) => {
    wires.postgres.hold()
    await sleep(between(random, 200, 3_000))
    wires.postgres.letGo()
  },
  'Redis terminated': async ({ redis }, random) => {
    await redis.stop()
    await sleep(random.int(1_000))
    await redis.start()
  },
  'Redis paused': async ({ redis }, random) => {
    redis.pause()
    await sleep(pauseMs(random))
    redis.resume()
  },
  'Redis cut': async ({ wires }) => wires.redis.cutAll(),
  'Redis clients killed': ({ redis }) =>
    redis.admin.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes'),
  'Redis replies lost': async ({ wires }, random) => {
    wires.redis.loseReplies()
    await sleep(between(random, 20, 300))
    wires.redis.cutAll()
  },
  'Redis scripts flushed': ({ redis }) => redis.admin.script('FLUSH'),
  'lease broken': (site) => site.breakLease(),
}

/** Only where every write is in the file before it is answered. */
const whereNothingIsLost: Record<string, Fault> = {
  'Redis killed': restartRedis,
  'Redis and apps killed': async (site, random) => {
    for (const app of site.apps) app.kill()
    await restartRedis(site, random)
  },
}

/** A database is killed, or ended, and brought back. */
export const isOutage = (name: string): boolean =>
  /^Redis (killed|and apps killed|terminated)( \(database \d\))?$/.test(name)

/** By name. Where Redis has all that it acknowledged after a kill, too, it may be killed. */
export function faultsFor(options: SiteOptions, databases: number): [string, Fault][] {
  const faults = faultsOf(options)
  const ofRedis = faults.filter(([name]) => name.includes('Redis') || name.includes('record'))
  const ofOthers = Array.from({ length: databases - 1 }, (_, i) =>
    ofRedis.map(([name, fault]): [string, Fault] => [
      `${name} (database ${i + 2})`,
      (site, random) => fault(site.seenFrom(i + 1), random),
    ]),
  )
  return [...faults, ...ofOthers.flat()]
}

const faultsOf = ({ appendfsync, eventLog }: SiteOptions): [string, Fault][] =>
  Object.entries({
    ...always,
    ...aimedAlways,
    ...(eventLog === 'postgres' && aimedAtBlocks),
    ...(appendfsync === 'always' && { ...whereNothingIsLost, ...aimedWhereNothingIsLost }),
  })

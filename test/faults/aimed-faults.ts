// Faults at moments that chance seldom finds: right before or after a certain request to Redis or Postgres goes through.

import { setTimeout as sleep } from 'node:timers/promises'
import { record } from '../../src/stores/redis/scripts/record.ts'
import { seal } from '../../src/stores/redis/scripts/seal.ts'
import { discard, readSegment } from '../../src/stores/redis/scripts/segment.ts'
import type { Random } from '../fuzz/random.ts'
import { between, type Fault, killApp, restartPostgres, restartRedis } from './fault.ts'
import type { Site } from './site.ts'
import type { Aim } from './wire.ts'

/** A request of this text is on the wire. */
const moments = {
  seal: { wire: 'redis', text: seal.hash },
  read: { wire: 'redis', text: readSegment.hash },
  blocks: { wire: 'postgres', text: 'insert into log_contents' },
  settle: { wire: 'postgres', text: 'insert into segments' },
  discard: { wire: 'redis', text: discard.hash },
  record: { wire: 'redis', text: record.hash },
} as const

const AIMED_MS = 1_500

/** Strikes right before or after such a request, or not at all if none comes. */
function aimed(
  moment: keyof typeof moments,
  when: Aim['when'],
  strike: (site: Site, random: Random) => Aim['strike'],
): Fault {
  return async (site, random) => {
    const { wire, text } = moments[moment]
    const act = strike(site, random)
    const { promise: struck, resolve } = Promise.withResolvers<void>()
    const withdraw = site.wires[wire].takeAim({
      text,
      when,
      strike: async (connection) => {
        await act(connection).catch(() => {})
        resolve()
      },
    })
    await Promise.race([struck, sleep(AIMED_MS)])
    if (!withdraw()) await struck
  }
}

const kills = (site: Site, random: Random) => async () => void (await killApp(site, random))
const killsAll = (site: Site) => async () => {
  for (const app of site.apps) app.kill()
}
/** What was about to be sent goes with it. */
const killsUnsent = (site: Site) => async (connection: { cut(): void }) => {
  for (const app of site.apps) app.kill()
  connection.cut()
}
const cuts = () => async (connection: { cut(): void }) => connection.cut()
const losesReply =
  (_site: Site, random: Random) => async (connection: { losesReplies: boolean; cut(): void }) => {
    connection.losesReplies = true
    await sleep(between(random, 20, 200))
    connection.cut()
  }
const stopsPostgres = (site: Site, random: Random) => async () => void (await restartPostgres(site, random))
const stopsRedis = (site: Site, random: Random) => async () => void (await restartRedis(site, random))
/** Meanwhile the other app, or the next run, does what this one was about to do. */
const delays = (site: Site, random: Random) => async () => {
  await site.breakLease()
  await sleep(between(random, 200, 2_500))
}

/** As in faults.ts: some only where Redis keeps, through a kill, all that it acknowledged. */
export const aimedAlways: Record<string, Fault> = {
  'app killed after seal': aimed('seal', 'after', killsAll),
  'app killed before settle': aimed('settle', 'before', killsUnsent),
  'app killed after settle': aimed('settle', 'after', killsAll),
  'app killed before discard': aimed('discard', 'before', killsUnsent),
  'app killed after discard': aimed('discard', 'after', killsAll),
  'app killed after record': aimed('record', 'after', kills),
  'Postgres stopped in settle': aimed('settle', 'after', stopsPostgres),
  'Postgres stopped before settle': aimed('settle', 'before', stopsPostgres),
  'settle cut': aimed('settle', 'after', cuts),
  'reply of settle lost': aimed('settle', 'after', losesReply),
  'reply of seal lost': aimed('seal', 'after', losesReply),
  'reply of record lost': aimed('record', 'after', losesReply),
  'reply of discard lost': aimed('discard', 'after', losesReply),
  'settle delayed': aimed('settle', 'before', delays),
  'discard delayed': aimed('discard', 'before', delays),
  'read delayed': aimed('read', 'before', delays),
  'record delayed': aimed('record', 'before', delays),
}

/** Where blocks go over the wire to Postgres. */
export const aimedAtBlocks: Record<string, Fault> = {
  'app killed before blocks': aimed('blocks', 'before', killsUnsent),
  'app killed after blocks': aimed('blocks', 'after', killsAll),
  'Postgres stopped after blocks': aimed('blocks', 'after', stopsPostgres),
  'reply of blocks lost': aimed('blocks', 'after', losesReply),
  'blocks delayed': aimed('blocks', 'before', delays),
}

export const aimedWhereNothingIsLost: Record<string, Fault> = {
  'Redis killed after record': aimed('record', 'after', stopsRedis),
  'Redis killed after seal': aimed('seal', 'after', stopsRedis),
  'Redis killed in settle': aimed('settle', 'after', stopsRedis),
  'Redis killed in discard': aimed('discard', 'after', stopsRedis),
}

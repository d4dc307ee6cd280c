// A tenant that moves back and forth between two databases under load, beside one that stays: any answer but a success ends it.

import { mustBeExact, type Tenant } from './api.ts'
import { latencies, rates } from './http.ts'
import type { LoadResult } from './load.ts'
import { type Load, startLoad } from './load-client.ts'
import { inTurn, median, medianRatio } from './measure.ts'
import type { Options } from './options.ts'
import { atMost, perSecond, type Row, type Section, short } from './report.ts'
import type { Servers } from './servers.ts'
import { openSite, PROCESSES, type Site } from './site.ts'

const CONNECTIONS = 16
const BATCH = 100
const MOVE_EVERY_MS = 10_000
const ROUND_MS = 20_000
const ROUNDS = 1

type Measured = LoadResult & { calls: number; moves: number }

export async function benchMoves(servers: Servers, { quick, seconds }: Options): Promise<Section[]> {
  const rounds =
    seconds === null ? (quick ? 1 : ROUNDS) : Math.max(1, Math.round((seconds * 1000) / ROUND_MS))
  const site = await openSite(servers, 2)
  const load = startLoad()
  try {
    const stays = await site.tenant(0)
    const moves = await site.tenant(0)
    const stay = (perSecond?: number) => () => measured(load, site, stays, { perSecond })
    const mover = moverOf(site, moves)
    const move = (perSecond?: number) => () => measured(load, site, moves, { perSecond, mover })
    const warm = await inTurn({ stay: stay(), move: move() }, 1)
    // Half of what it can, in requests: where nothing queues, times are those of the calls.
    const half = median(rates(warm.move)) / BATCH / 2
    const found = await inTurn(
      { stay: stay(), move: move(), stayPaced: stay(half), movePaced: move(half) },
      rounds,
    )
    await mustBeExact(site.url, stays)
    await mustBeExact(site.url, moves)
    return [
      {
        title: `A tenant that moves every ${MOVE_EVERY_MS / 1000} seconds, ${PROCESSES} Node processes, batches of ${BATCH}, ${CONNECTIONS} connections`,
        rows: [
          ...rowsOf('as fast as it can', found.stay, found.move),
          ...rowsOf(`${perSecond(half * BATCH)} offered`, found.stayPaced, found.movePaced),
        ],
        notes: [
          '“against naive” is against the one that stays, in the same run; no answer was other than 200',
        ],
      },
    ]
  } finally {
    await load.close()
    await site.close()
  }
}

/** Moves it to the other database, and counts. */
function moverOf(site: Site, tenant: Tenant): () => Promise<number> {
  let moves = 0
  return async () => {
    await site.move(tenant, ++moves % 2)
    return moves
  }
}

async function measured(
  load: Load,
  site: Site,
  tenant: Tenant,
  { perSecond, mover }: { perSecond: number | undefined; mover?: () => Promise<number> },
): Promise<Measured> {
  const before = await callsSoFar(site)
  let moves = 0
  let failure: unknown
  const timer =
    mover &&
    setInterval(() => {
      mover().then(
        () => moves++,
        (error) => {
          failure ??= error
        },
      )
    }, MOVE_EVERY_MS)
  // The last move is within the load, too.
  const ms = ROUND_MS + 1_000
  const result = await load
    .run({
      ...(perSecond !== undefined && { perSecond }),
      ...{ port: site.port, path: tenant.path, headers: tenant.headers },
      ...{ connections: CONNECTIONS, batch: BATCH, ms },
    })
    .finally(() => clearInterval(timer))
  if (failure !== undefined) throw failure
  tenant.acknowledged += result.events
  return { ...result, calls: ((await callsSoFar(site)) - before) / result.requests, moves }
}

/** Scripts that recording has run, in all databases: its own, and what a former home is asked with. */
async function callsSoFar({ redis }: Site): Promise<number> {
  let calls = 0
  for (const { client } of redis)
    for (const [, count] of (await client.info('commandstats')).matchAll(/cmdstat_eval(?:sha)?:calls=(\d+)/g))
      calls += Number(count)
  return calls
}

function rowsOf(what: string, stay: Measured[], move: Measured[]): Row[] {
  const calls = (all: Measured[]) => median(all.map((one) => one.calls))
  const moves = move.reduce((sum, one) => sum + one.moves, 0)
  const figure = (all: Measured[]) =>
    `${perSecond(median(rates(all)))}, ${short(calls(all))} calls to Redis a batch`
  return [
    { what: `${what}: it stays`, figure: figure(stay), latency: latencies(stay) },
    {
      what: `${what}: ${moves} moves`,
      ratio: `${short(medianRatio(rates(move), rates(stay)))}× the rate`,
      figure: figure(move),
      latency: latencies(move),
      targets: [atMost(1.1, calls(move) - calls(stay), ' calls more')],
    },
  ]
}

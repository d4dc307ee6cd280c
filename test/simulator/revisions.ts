// Meters that are revised while everything else goes on. Postgres's own table says, past every wire, which revision is switched
// to at which instant; what was asked for, and what a read has to show then, is said here.

import { sql } from 'drizzle-orm'
import { rfc3339 } from '../../src/kernel/time.ts'
import type { FillServices } from '../../src/log/fill-meters.ts'
import type { NewMeter } from '../../src/metering/meter-input.ts'
import { type RevisionInput, revisionInputSchema } from '../../src/metering/revision-input.ts'
import { meterId } from '../support/metering.ts'
import { replaced } from './bugs/replaced.ts'
import { UNIT } from './expected.ts'
import type { SimEvent } from './oracle.ts'
import { baseMeters, digitsMeter, type Setup, USER_PATH } from './plan.ts'
import { laws, Violation } from './violation.ts'
import type { World } from './world.ts'

/** One that adds, and one that doesn't. */
export const revisedKeys = ['gauge_revised', 'gauge_revised_max'] as const
export type RevisedKey = (typeof revisedKeys)[number]

const like = baseMeters.find(({ key }) => key === digitsMeter.gauge)!

export const revisedMeters = ({ revised, onlyAdding }: Pick<Setup, 'revised' | 'onlyAdding'>): NewMeter[] => {
  const sum = { ...like, id: meterId(revisedKeys[0]), key: revisedKeys[0] }
  const max = { ...like, id: meterId(revisedKeys[1]), key: revisedKeys[1], aggregation: 'max', value: 'v' }
  if (!revised) return []
  return onlyAdding ? [sum] : [sum, max as NewMeter]
}

type Term = { property: string; op: 'ne' | 'gte'; value: string }
/** How a revised meter may count; as the first one it does in the beginning. */
export const definitions: { filter: Term[]; groups: string[]; counts: (event: SimEvent) => boolean }[] = [
  { filter: [], groups: [], counts: () => true },
  {
    filter: [{ property: 'in.user.name', op: 'ne', value: 'u1' }],
    groups: [],
    counts: ({ user }) => user !== 'u1',
  },
  {
    filter: [{ property: 'in.v', op: 'gte', value: '0.5' }],
    groups: [USER_PATH],
    counts: ({ value }) => value >= UNIT / 2n,
  },
]

/** Hours from an instant on, up to that of the next piece; `definition`: a number. */
export type Piece = { fromMs: number; definition: number }
/** What a meter counted by, from a moment on. */
type Version = { pieces: Piece[]; sinceMs: number }

type Row = { tenant: string; key: RevisedKey; state: string; from: string | null; filter: string }

export class Revisions {
  readonly #world: World
  readonly #versions = new Map<string, Version[]>()
  /** instants that something was asked for from */
  readonly #instants = new Map<string, Set<number>>()
  /** versions that everybody was told of are no less than this one */
  readonly #announced = new Map<string, number>()
  /** when Postgres was put back: caches may hold for a while what it has forgotten */
  wentBackMs = Number.NEGATIVE_INFINITY

  constructor(world: World) {
    this.#world = world
  }

  /** Whether an actor may move a revision. */
  mayMove(actor: string): boolean {
    return this.#world.setup.revised && /^(fill|revise|cancel)/.test(actor)
  }

  input(tenant: number, key: RevisedKey, fromMs: number, definition: number): RevisionInput {
    const { filter, groups } = definitions[definition]!
    const name = `${tenant}/${key}`
    const known = this.#instants.get(name) ?? new Set()
    this.#instants.set(name, known.add(fromMs))
    return revisionInputSchema.parse({ from: rfc3339(fromMs), filter, group_by: groups })
  }

  instantsOf(tenant: number, key: RevisedKey): number[] {
    return [...(this.#instants.get(`${tenant}/${key}`) ?? [])].sort((a, b) => a - b)
  }

  /** Tells of a switch that Redis was told of: whoever reads from there on knows. */
  hearing<Services extends FillServices>(services: Services): Services {
    const switched = new Map<string, number>()
    const { rollbacks } = this.#world.oracle
    const replays = replaced(services.replays, {
      switchOver: async (of, filling) => {
        const outcome = await services.replays.switchOver(of, filling)
        for (const key of revisedKeys) {
          const name = this.#name(of.tenantId, key)
          if (outcome !== null) switched.set(name, (this.#versions.get(name)?.length ?? 1) - 1)
        }
        return outcome
      },
    })
    const counters = replaced(services.counters, {
      publishConfig: async (tenantId, version, options) => {
        await services.counters.publishConfig(tenantId, version, options)
        if (rollbacks !== this.#world.oracle.rollbacks) return
        for (const key of revisedKeys) {
          const name = this.#name(tenantId, key)
          this.#announced.set(name, Math.max(switched.get(name) ?? 0, this.#announced.get(name) ?? 0))
        }
      },
    })
    return { ...services, replays, counters }
  }

  #name(tenantId: string, key: RevisedKey): string {
    return `${this.#world.tenants.find(({ id }) => id === tenantId)!.number}/${key}`
  }

  redisWentBack(): void {
    this.#announced.clear()
  }

  async postgresWentBack(): Promise<void> {
    this.wentBackMs = this.#world.time.nowMs
    this.#announced.clear()
    if (this.#world.setup.revised) await this.look()
  }

  /** What a read may show that begins now. */
  since(tenant: number, key: RevisedKey): number {
    return this.#announced.get(`${tenant}/${key}`) ?? 0
  }

  /** Of the versions from one on, those that somebody may have gone by since then. */
  versions(
    tenant: number,
    key: RevisedKey,
    { first, sinceMs }: { first: number; sinceMs: number },
  ): Piece[][] {
    const all = this.#versions.get(`${tenant}/${key}`) ?? []
    const isOver = (i: number) => all[i + 1] !== undefined && all[i + 1]!.sinceMs < sinceMs
    return all.filter((_, i) => i >= first && !isOver(i)).map(({ pieces }) => pieces)
  }

  current(tenant: number, key: RevisedKey): Piece[] {
    return this.#versions.get(`${tenant}/${key}`)!.at(-1)!.pieces
  }

  async look(): Promise<void> {
    const { tenants, postgres, time } = this.#world
    const found = await postgres.look<Row>(sql`
      select tenant_id::text as tenant, key, state, filter::text as filter,
        floor(extract(epoch from nullif(reads_from, '-infinity')) * 1000)::text as from
      from meters where key = any(array(select json_array_elements_text(${JSON.stringify(revisedKeys)}::json)))
        and state in ('current', 'replaced')
      order by tenant_id, key, revision`)
    for (const { id, number } of tenants) {
      for (const key of revisedKeys) {
        const rows = found.filter((row) => row.tenant === id && row.key === key)
        if (rows.length === 0) continue
        const name = `${number}/${key}`
        const pieces = piecesOf(rows, this.#instants.get(name) ?? new Set())
        const versions = this.#versions.get(name) ?? []
        const last = versions.at(-1)
        if (JSON.stringify(last?.pieces) !== JSON.stringify(pieces))
          versions.push({ pieces, sinceMs: time.nowMs })
        this.#versions.set(name, versions)
      }
    }
  }
}

/** Each cuts off the hours from its instant on of those before it: `rows` in the order of their numbers. */
function piecesOf(rows: Row[], instants: Set<number>): Piece[] {
  let pieces: Piece[] = []
  for (const { key, from, filter } of rows) {
    const fromMs = from === null ? Number.MIN_SAFE_INTEGER : Number(from)
    if (pieces.length > 0 && !instants.has(fromMs))
      throw new Violation(laws.revised, `a revision of ${key} begins at ${from}, which nobody sent`)
    pieces = [...pieces.filter((piece) => piece.fromMs < fromMs), { fromMs, definition: numberOf(filter) }]
  }
  return pieces
}

function numberOf(filter: string): number {
  const terms = JSON.parse(filter) as Term[]
  const found = definitions.findIndex((one) => one.filter[0]?.property === terms[0]?.property)
  if (found === -1)
    throw new Violation(laws.revised, `a revision has the filter ${filter}, which nobody sent`)
  return found
}

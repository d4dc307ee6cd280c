// The wires between isolates and stores. A call to a store is parked here until an operation decides its fate, so that calls
// of all actors can be delivered in any order, or lost, or doubled, and a process can die between any two of them.

import { AsyncLocalStorage } from 'node:async_hooks'
import type { VirtualTime } from './random.ts'

/** What happens to one call. The dying ones take the caller's whole isolate with them. */
export const fates = [
  'ok',
  /** never reaches the store; the caller sees a failure */
  'refused',
  /** applied; the reply is lost; the caller sees a failure */
  'reply_lost',
  /** the caller sees a timeout now; the call is applied later, or never */
  'late',
  /** applied now, and once more later */
  'twice',
  'dies_before',
  'dies_after',
] as const
export type Fate = (typeof fates)[number]

/** Something that an isolate does: a request, or a run of the aggregator. */
export type Actor = {
  name: string
  isolate: number
  startedMs: number
  done: boolean
  /** Some call of its may be applied although the actor was told otherwise, or was told nothing. */
  unsure: boolean
  /** calls on the wire that may yet be applied */
  calls: number
}

/** `redis`: the first database of counters; the others are numbered. */
export type StoreName = 'postgres' | 'redis' | `redis ${number}`

export const storeOf = (database: number): StoreName => (database === 0 ? 'redis' : `redis ${database}`)

type Call = {
  actor: Actor
  store: StoreName
  name: string
  apply: () => Promise<unknown>
  /** null: nobody waits for the answer any more */
  answer: { resolve: (value: unknown) => void; reject: (error: Error) => void } | null
  resendsLeft: number
}

/** What brings usage in can't be under way for longer than this; a step of a flush or of a read may be as late as it likes. */
const REQUEST_LIVES_MS = 600_000

const failures: Record<'redis' | 'postgres', Record<'refused' | 'reply_lost' | 'late', () => Error>> = {
  redis: {
    refused: () => new Error('connect ECONNREFUSED'),
    reply_lost: () => new Error('Connection is closed.'),
    late: () => new Error('Command timed out'),
  },
  postgres: {
    refused: () => Object.assign(new Error('the database system is shutting down'), { code: '57P03' }),
    reply_lost: () => Object.assign(new Error('Connection terminated unexpectedly'), { code: 'ECONNRESET' }),
    late: () => Object.assign(new Error('canceling statement due to statement timeout'), { code: '57014' }),
  },
}

export class Network {
  /** Calls pass at once: for the end of a schedule. */
  open = false
  readonly away: Partial<Record<StoreName, boolean>> = {}
  parked: Call[] = []
  readonly log: string[] = []
  /** isolates that may not know all that was applied of theirs: their accounts are no sure measure of a loss */
  readonly unheard = new Set<number>()
  readonly #time: VirtualTime
  readonly #actors = new AsyncLocalStorage<Actor>()
  readonly #kill: (isolate: number) => void
  #lastApplied: Promise<unknown> = Promise.resolve()

  constructor(time: VirtualTime, kill: (isolate: number) => void) {
    this.#time = time
    this.#kill = kill
  }

  /** Runs the body as this actor, up to its first call. */
  act(actor: Actor, body: () => Promise<void>): Promise<void> {
    return this.#actors.run(actor, body)
  }

  /** Who is at it where this is asked. */
  actorName(): string {
    return this.#actors.getStore()?.name ?? ''
  }

  call(store: Call['store'], name: string, resends: number, apply: () => Promise<unknown>): Promise<unknown> {
    const actor = this.#actors.getStore()
    if (!actor) throw new Error(`${name} was called outside of an actor`)
    if (this.open) return this.#inTurn(apply)
    return new Promise((resolve, reject) => {
      this.#park({
        actor,
        store,
        name,
        apply,
        answer: { resolve, reject },
        resendsLeft: resends,
      })
    })
  }

  /** One call after the other, as when they are delivered: the two stores share this process, and its clock. */
  #inTurn(apply: () => Promise<unknown>): Promise<unknown> {
    const applied = this.#lastApplied.then(apply)
    this.#lastApplied = applied.catch(() => {})
    return applied
  }

  #park(call: Call): void {
    call.actor.calls++
    this.parked.push(call)
  }

  /** Decides the fate of a parked call: of this actor's first one, or of the nth of all. */
  async deliver(which: number | Actor, fate: Fate): Promise<void> {
    const index =
      typeof which === 'number'
        ? which % Math.max(this.parked.length, 1)
        : this.parked.findIndex(({ actor, answer }) => actor === which && answer !== null)
    const [call] = index === -1 ? [] : this.parked.splice(index, 1)
    if (!call) return
    this.#time.advance(3)
    call.actor.calls--
    await this.#decide(call, this.#possible(call, fate))
    await quiet()
  }

  #possible(call: Call, fate: Fate): Fate {
    if (this.away[call.store]) return 'refused'
    const tooOld = call.name === 'record' && this.#time.nowMs - call.actor.startedMs > REQUEST_LIVES_MS
    return tooOld ? 'refused' : fate
  }

  async #decide(call: Call, fate: Fate): Promise<void> {
    const { actor, answer } = call
    if (call.name === 'record' && fate !== 'ok' && fate !== 'refused') this.unheard.add(actor.isolate)
    this.log.push(`${actor.name}@${actor.isolate} ${call.name}${answer ? '' : ' (nobody waits)'}: ${fate}`)
    if (answer === null) {
      if (fate !== 'refused') await call.apply().catch(() => {})
      return
    }
    switch (fate) {
      case 'ok':
        return this.#applied(call)
      case 'twice':
        actor.unsure = true
        this.#park({ ...call, answer: null })
        return this.#applied(call)
      case 'refused':
        return this.#failed(call, fate)
      case 'reply_lost':
        actor.unsure = true
        await call.apply().catch(() => {})
        return this.#failed(call, fate)
      case 'late':
        actor.unsure = true
        this.#park({ ...call, answer: null })
        return this.#failed(call, fate)
      case 'dies_after':
        await call.apply().catch(() => {})
        return this.#kill(actor.isolate)
      case 'dies_before':
        return this.#kill(actor.isolate)
    }
  }

  async #applied({ apply, answer }: Call): Promise<void> {
    try {
      answer!.resolve(await apply())
    } catch (error) {
      answer!.reject(error as Error)
    }
  }

  /** The store's client may send it again by itself, with the same arguments. */
  #failed(call: Call, how: 'refused' | 'reply_lost' | 'late'): void {
    if (call.resendsLeft > 0) this.#park({ ...call, resendsLeft: call.resendsLeft - 1 })
    else call.answer!.reject(failures[call.store === 'postgres' ? 'postgres' : 'redis'][how]())
  }

  /** What was sent may still arrive; nobody is left to hear the answer. */
  orphan(isolate: number): void {
    for (const call of this.parked) {
      if (call.actor.isolate === isolate) {
        call.answer = null
        call.actor.unsure = true
      }
    }
  }
}

/** Lets everything run that waits for no store: promises settle within a turn of the event loop; joining single events takes one more. */
export async function quiet(): Promise<void> {
  for (let turn = 0; turn < 2; turn++) await new Promise((resolve) => setImmediate(resolve))
}

// Requests that change what was counted: corrections, imports, erasures, revisions of meters. Each is sent alone; what its answer
// says is held against what it must have done to the events, and then the figures are.

import type { Actor } from './actor.ts'
import { remember } from './actor.ts'
import { eventsByLine } from './import-file.ts'
import { idOf, type Ledger, type SentEvent, totalDifferences } from './ledger.ts'
import type { Random } from './random.ts'
import { type FuzzRequest, payloadOf } from './request.ts'
import {
  type Change,
  checkedMeters,
  type EventFilter,
  type KnownEvent,
  type Standing,
  scaled,
  shownState,
  stateOf,
  timeMs,
} from './standing.ts'
import { call, figuresOf, firstDifference, listAll, NOT_KNOWN, settleFully, type Target } from './world.ts'

const CHANGING = new Set([
  ...['importEvents', 'voidEvent', 'amendEvent', 'createCorrection', 'applyCorrection', 'revertCorrection'],
  ...['eraseCustomerEvents', 'reviseMeter', 'replayMeter', 'cancelRevision'],
])
/** Only what is not filled yet can be cancelled; and none is begun while events are being erased. */
const OF_METERS = new Set(['reviseMeter', 'replayMeter', 'cancelRevision'])
export const isChanging = (operationId: string): boolean => CHANGING.has(operationId)

/** What these say, and however they end, leaves every figure of a customer as it was. */
const CHANGES_NO_FIGURE = new Set([
  'createCorrection',
  'eraseCustomerEvents',
  'reviseMeter',
  'cancelRevision',
])
/** So often what is not settled is, first: a correction of what isn't waits for it. */
const SETTLED_FIRST = 0.6
/** So often figures are read before it, to be compared with those after it. */
const WATCHED = 0.5
const TAKEN_BACK = 0.5
const CUSTOMERS_CHECKED = 3

type Draft = {
  action: string
  change: Change
  filter: EventFilter
  /** Others came later, and are out of its reach. */
  among: ReadonlySet<KnownEvent>
  taken: ReadonlySet<KnownEvent>
}

// biome-ignore lint/suspicious/noExplicitAny: a correction, as it is answered
type Correction = any

/** What was seen before a request: of whom, and which figures. */
export type Watch = { customer: string; usage: string; bill: string }

export class Changes {
  readonly #target: Target
  readonly #actor: Actor
  readonly #ledger: Ledger
  readonly #nowMs = Date.now()
  readonly #drafts = new Map<string, Draft>()
  /** Meters whose revisions are not all of the same groups. */
  readonly #revised = new Set<string>()
  #isFilling = false
  #isErasing = false
  /** What the last answer of success was about. */
  #touched = new Set<string>()
  #wanted: string | null = null
  #applied: string | null = null
  /** What no bill has is all that it changed. */
  #didBillable = false

  constructor(target: Target, actor: Actor, ledger: Ledger) {
    this.#target = target
    this.#actor = actor
    this.#ledger = ledger
  }

  get #standing(): Standing {
    return this.#ledger.standing
  }

  async settle(): Promise<void> {
    await settleFully(this.#target)
    this.#standing.settle()
    this.#isFilling = false
    this.#isErasing = false
  }

  async before(request: FuzzRequest, operationId: string, random: Random): Promise<Watch | null> {
    this.#touched = new Set()
    this.#wanted = null
    this.#applied = null
    this.#didBillable = false
    const isMeant = request.changes.length === 0
    const isUnsettled = OF_METERS.has(operationId)
      ? this.#isErasing
      : !this.#standing.isSettled || this.#isFilling
    if (isMeant && isUnsettled && random.chance(SETTLED_FIRST)) await this.settle()
    if (!random.chance(isMeant ? WATCHED : WATCHED / 3)) return null
    const customer = this.#customerOf(request, random)
    const [usage, bill] = await figuresOf(this.#target, this.#actor, customer, this.#nowMs)
    return { customer, usage, bill }
  }

  /** Whose figures may change by it: of one event its customer. */
  #customerOf(request: FuzzRequest, random: Random): string {
    const named = request.path.split('/').map(decoded)
    const payload = request.raw === null ? (payloadOf(request)?.toString() ?? '') : ''
    const events = [...this.#standing.events.values()]
    const found = events.find(({ id, sent }) => named.includes(id) || named.includes(sent.customer))
    const inBody = events.find(({ sent }) => payload.includes(sent.customer))
    const taken = events.find(({ acts }) => acts.some(({ correction }) => named.includes(correction)))
    return (found ?? taken ?? inBody ?? random.pick(events)).sent.customer
  }

  /** An answer of success. Returns what is wrong with it. */
  async learn(
    operationId: string,
    request: FuzzRequest,
    body: Correction,
    random: Random,
  ): Promise<string[]> {
    switch (operationId) {
      case 'voidEvent':
      case 'amendEvent':
        return this.#corrected(request, body, random)
      case 'createCorrection':
        return this.#drafted(request, body, random)
      case 'applyCorrection':
        return this.#applyDraft(body, random)
      case 'revertCorrection':
        return this.#reverted(body)
      case 'importEvents':
        remember(this.#actor.imports, body.id, random)
        return this.#imported(request, body)
      case 'eraseCustomerEvents':
        remember(this.#actor.erasures, body.id, random)
        return this.#erased(body)
      case 'reviseMeter':
      case 'replayMeter': {
        if (body.dry_run === true) break
        const meter = decoded(request.path.split('/')[4]!)
        this.#isFilling ||= body.state === 'filling'
        this.#revised.add(meter)
        this.#actor.revisions.set(meter, body.number)
        this.#standing.revise(meter, body.group_by)
      }
    }
    return []
  }

  /** Once its answer is learned: what the figures say. */
  async after(
    request: FuzzRequest,
    operationId: string,
    watch: Watch | null,
    random: Random,
  ): Promise<string[]> {
    const wrong: string[] = []
    if (this.#wanted !== null) wrong.push(...(await this.#resolveWanted(this.#wanted, random)))
    const did = this.#touched.size > 0
    if (watch !== null) {
      const [usage, bill] = await figuresOf(this.#target, this.#actor, watch.customer, this.#nowMs)
      const isStill = !did || CHANGES_NO_FIGURE.has(operationId)
      if (isStill && usage !== watch.usage) wrong.push(differs('usage', watch.customer, watch.usage, usage))
      // Of whom nothing was known, a bill is there once there is history.
      const isKnown = bill !== NOT_KNOWN && watch.bill !== NOT_KNOWN
      if ((isStill || (!this.#didBillable && isKnown)) && bill !== watch.bill)
        wrong.push(differs('the bill', watch.customer, watch.bill, bill))
      if (this.#applied !== null && this.#mayCompare(watch) && random.chance(TAKEN_BACK))
        wrong.push(...(await this.#takenBack(this.#applied, watch)))
    }
    if (did) {
      const some = new Set([...this.#touched].slice(0, CUSTOMERS_CHECKED))
      wrong.push(...(await totalDifferences(this.#target, this.#actor, this.#standing, Date.now(), some)))
    }
    return wrong.map((one) => `after ${request.operation.id}: ${one}`)
  }

  /** When all is sent: every total, and every event in the list of them. */
  async finish(): Promise<string[]> {
    await this.settle()
    const differing = await totalDifferences(this.#target, this.#actor, this.#standing, Date.now())
    const listed = await listAll(this.#target, this.#actor, '/api/v1/events')
    return [...differing, ...listDifferences(this.#standing, listed)]
  }

  /** Nothing else moves in between. */
  #mayCompare({ usage, bill }: Watch): boolean {
    return this.#standing.isSettled && !this.#isFilling && !`${usage}${bill}`.includes('"incomplete":true')
  }

  /** A correction and then its revert leave every figure as it was. */
  async #takenBack(correction: string, watch: Watch): Promise<string[]> {
    const { status, body } = await this.#call('POST', `/api/v1/corrections/${correction}/revert`)
    if (status !== 200) return [`it can’t be taken back at once: ${status} ${JSON.stringify(body)}`]
    const wrong = await this.#reverted(body)
    const [usage, bill] = await figuresOf(this.#target, this.#actor, watch.customer, this.#nowMs)
    if (usage !== watch.usage)
      wrong.push(differs('usage after its revert', watch.customer, watch.usage, usage))
    if (bill !== watch.bill)
      wrong.push(differs('the bill after its revert', watch.customer, watch.bill, bill))
    return wrong
  }

  #call(method: string, path: string) {
    return call(this.#target, this.#actor.apiKey, method, path)
  }

  /** Of one event: at once where that is settled, and else once it is. */
  async #corrected(request: FuzzRequest, body: Correction, random: Random): Promise<string[]> {
    const event = this.#standing.events.get(body.event_id)
    if (!event) return [`it corrects ${body.event_id}, which was never accepted`]
    if (event.erased) return [`it corrects ${body.event_id}, which was erased`]
    const change = changeOf(body.action, sentJson(request))
    const filter = { ...ALL, vague: true }
    this.#drafts.set(body.id, {
      action: body.action,
      change,
      filter,
      among: new Set([event]),
      taken: new Set([event]),
    })
    remember(this.#actor.corrections, body.id, random)
    if (body.state === 'wanted') {
      this.#wanted = body.id
      return event.settled ? ['it waits for its event, which is settled'] : []
    }
    return this.#apply(body, [event], random)
  }

  #apply(body: Correction, events: KnownEvent[], random: Random): string[] {
    const wrong = body.state === 'applied' ? [] : [`it is ${body.state} in a success`]
    if (body.events !== events.length) wrong.push(`it says ${body.events} events, and took ${events.length}`)
    if (events.some((event) => stateOf(event) === null)) wrong.push('it took an event that is voided')
    const { change } = this.#drafts.get(body.id)!
    wrong.push(...this.#effectDifferences(body, events, change))
    for (const event of events) this.#touch(event)
    this.#standing.apply(body.id, change, events)
    for (const event of events) this.#touch(event)
    remember(this.#actor.toRevert, body.id, random)
    this.#applied = body.id
    return wrong
  }

  #touch(event: KnownEvent): void {
    this.#didBillable ||= !event.history
    this.#touched.add(event.sent.customer)
    const customer = stateOf(event)?.customer
    if (customer !== undefined) this.#touched.add(customer)
  }

  /** What it says that it changes is what it changes. A meter that was revised is named once for each revision. */
  #effectDifferences(body: Correction, events: KnownEvent[], change: Change): string[] {
    const checked = checkedMeters(this.#actor).filter((meter) => !this.#revised.has(meter))
    const wanted = new Map<string, bigint>()
    const add = (event: KnownEvent, sign: bigint) => {
      const state = stateOf(event)
      if (state === null) return
      for (const [meter, value] of this.#standing.counts(state)) {
        const name = JSON.stringify([state.customer, meter])
        wanted.set(name, (wanted.get(name) ?? 0n) + sign * value)
      }
    }
    for (const event of events) {
      add(event, -1n)
      add({ ...event, acts: [...event.acts, { correction: body.id, change }] }, 1n)
    }
    const said = new Map<string, bigint>()
    for (const { customer_id, meter, quantity } of body.effect)
      said.set(JSON.stringify([customer_id, meter]), quantity === null ? 0n : scaled(quantity))
    return [...new Set([...wanted.keys(), ...said.keys()])].flatMap((name) => {
      if (!checked.includes(JSON.parse(name)[1])) return []
      const [says, does] = [said.get(name) ?? 0n, wanted.get(name) ?? 0n]
      return says === does ? [] : [`it says that ${name} changes by ${says}, which is ${does} (·10^-12)`]
    })
  }

  /** Taken back before its event is settled it does nothing; settled first, what it was to do. */
  async #resolveWanted(id: string, random: Random): Promise<string[]> {
    if (random.chance(TAKEN_BACK)) {
      const { status, body } = await this.#call('POST', `/api/v1/corrections/${id}/revert`)
      return status === 200 && ['cancelled', 'reverted'].includes(body.state)
        ? []
        : [`it can’t be taken back while it waits: ${status} ${JSON.stringify(body)}`]
    }
    await this.settle()
    const { body } = await this.#call('GET', `/api/v1/corrections/${id}`)
    const { taken } = this.#drafts.get(id)!
    if (body.state === 'applied') return this.#apply(body, [...taken], random)
    if (body.state === 'refused' && body.refusal !== null) return []
    return [`its event is settled, and it is ${body.state} (${body.refusal})`]
  }

  async #drafted(request: FuzzRequest, body: Correction, random: Random): Promise<string[]> {
    const sent = sentJson(request)
    const filter = filterOf(sent.filter as Record<string, unknown>)
    const { surely, perhaps } = this.#standing.matching(filter)
    const change = changeOf(body.action, (sent.set ?? {}) as Record<string, unknown>)
    const among = new Set(this.#standing.events.values())
    this.#drafts.set(body.id, { action: body.action, change, filter, among, taken: new Set(surely) })
    remember(this.#actor.corrections, body.id, random)
    remember(this.#actor.toApply, body.id, random)
    this.#touched.add(
      random.pick(perhaps.length > 0 ? perhaps : [...this.#standing.events.values()]).sent.customer,
    )
    const wrong = body.state === 'draft' ? [] : [`the draft is ${body.state}`]
    for (const name of ['action', 'reason'] as const)
      if (body[name] !== sent[name]) wrong.push(`${name} was not kept`)
    if (body.events === 0 || body.events < surely.length || body.events > perhaps.length)
      wrong.push(`the draft takes ${body.events} events, of ${surely.length} to ${perhaps.length} that match`)
    if (surely.length === perhaps.length) wrong.push(...this.#effectDifferences(body, surely, change))
    return wrong
  }

  async #applyDraft(body: Correction, random: Random): Promise<string[]> {
    const draft = this.#drafts.get(body.id)
    if (!draft) return ['it applies a correction that this tenant never made']
    // Applying it again is a success, and does nothing.
    if (this.#standing.takenBy(body.id).length > 0) return []
    const { surely, perhaps } = this.#standing.matching(draft.filter, draft.among)
    // An event that came to match since may be in a part of the log that the draft has not looked at.
    const least = surely.filter((event) => draft.taken.has(event))
    if (body.events < least.length || body.events > perhaps.length)
      return [`it took ${body.events} events, of ${least.length} to ${perhaps.length} that match`]
    if (least.length === perhaps.length) return this.#apply(body, least, random)
    const taken = await this.#shownWith(body.id)
    const wrong = least.every((event) => taken.includes(event))
      ? []
      : ['it has left out an event that matches']
    if (taken.some((event) => !perhaps.includes(event))) wrong.push('it took an event that does not match')
    return [...wrong, ...this.#apply(body, taken, random)]
  }

  /** The last correction of an event is shown with it. */
  async #shownWith(correction: string): Promise<KnownEvent[]> {
    const listed = await listAll(this.#target, this.#actor, '/api/v1/events')
    return listed
      .filter((event) => event.correction?.id === correction)
      .map(({ id }) => this.#standing.events.get(id)!)
  }

  async #reverted(body: Correction): Promise<string[]> {
    const taken = this.#standing.takenBy(body.id)
    const wrong: string[] = []
    if (taken.length > 0 && body.state !== 'reverted') wrong.push(`it is ${body.state} after its revert`)
    if (taken.some(({ erased }) => erased))
      wrong.push('it was taken back, though events that it took were erased')
    for (const event of taken) this.#touch(event)
    this.#standing.revert(body.id)
    for (const event of taken) this.#touch(event)
    return wrong
  }

  /** A line counts once by its id. Which lines are wrong the answer says; all others are events, new or known. */
  #imported(request: FuzzRequest, body: Correction): string[] {
    const lines = eventsByLine(request, payloadOf(request)!)
    const refused = new Set<number>(body.errors.map(({ line }: { line: number }) => line))
    // The first thousand are named. Files with more are of one line again and again.
    const last = Math.max(0, ...refused)
    if (body.more_errors > 0) for (const line of lines.keys()) if (line > last) refused.add(line)
    const history = body.mode === 'history'
    let [accepted, duplicates] = [0, 0]
    const wrong: string[] = []
    if (body.status !== 'done') wrong.push(`the import is ${body.status}: ${body.reason}`)
    for (const [line, event] of lines) {
      if (refused.has(line)) continue
      if (event === null) {
        wrong.push(`line ${line} is no event, and nothing is said of it`)
        continue
      }
      const id = idOf(event)!
      if (this.#standing.events.has(id)) duplicates++
      else {
        accepted++
        this.#ledger.accept(id, event as SentEvent, history)
        this.#actor.eventIds.push(id)
        this.#touch(this.#standing.events.get(id)!)
      }
    }
    const is = [body.lines, body.accepted, body.duplicates, body.conflicts + body.invalid]
    const wanted = [lines.size, accepted, duplicates, refused.size]
    if (JSON.stringify(is) !== JSON.stringify(wanted))
      wrong.push(`lines, accepted, duplicates and wrong ones are ${is}, and by its lines ${wanted}`)
    return wrong
  }

  /** They are in no list any more; what they counted stays. */
  async #erased(body: Correction): Promise<string[]> {
    this.#isErasing ||= body.state === 'under_way'
    const erased = this.#standing.erase(body.customer_id)
    for (const event of erased) this.#touch(event)
    const wrong: string[] = []
    const of = encodeURIComponent(body.customer_id)
    const listed = await listAll(this.#target, this.#actor, `/api/v1/events?customer_id=${of}`)
    for (const { id } of listed)
      if (this.#standing.events.get(id)?.erased) wrong.push(`${id} was erased, and is listed`)
    for (const { id } of erased.slice(0, 2)) {
      const { status } = await this.#call('GET', `/api/v1/events/${encodeURIComponent(id)}`)
      if (status !== 404) wrong.push(`${id} was erased, and is found: ${status}`)
    }
    return wrong
  }
}

const ALL: EventFilter = {
  ...{ customer: null, type: null, fromMs: Number.NEGATIVE_INFINITY, toMs: Number.POSITIVE_INFINITY },
  ...{ properties: {}, vague: false },
}

export function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

const sentJson = (request: FuzzRequest): Record<string, unknown> =>
  JSON.parse(new TextDecoder().decode(payloadOf(request)!))

const differs = (what: string, customer: string, before: string, after: string): string =>
  `${what} of ${customer} is another:\n  ${firstDifference(before, after)}`

function changeOf(action: string, set: Record<string, unknown>): Change {
  if (action === 'void') return null
  const { quantity, timestamp, customer_id, properties } = set
  const at = timeMs(timestamp)
  return {
    ...(quantity !== undefined && { quantity: scaled(quantity) }),
    ...(timestamp !== undefined && { time: { fromMs: at, toMs: at } }),
    ...(customer_id !== undefined && { customer: String(customer_id) }),
    ...(properties !== undefined && { properties: properties as Record<string, unknown> }),
  }
}

/** A path into objects, and a date in the tenant’s time zone, ask for more than is known here. */
function filterOf({
  customer_id,
  resource_type,
  from,
  to,
  properties = {},
}: Record<string, unknown>): EventFilter {
  const [fromMs, toMs] = [timeMs(from), timeMs(to)]
  const plain = Object.keys(properties as object).every((name) => /^\w+$/.test(name))
  const vague = !plain || Number.isNaN(fromMs) || Number.isNaN(toMs)
  return {
    customer: customer_id === undefined ? null : String(customer_id),
    type: resource_type === undefined ? null : String(resource_type),
    fromMs: vague ? Number.NEGATIVE_INFINITY : fromMs,
    toMs: vague ? Number.POSITIVE_INFINITY : toMs,
    properties: plain ? (properties as Record<string, unknown>) : {},
    vague,
  }
}

type Listed = {
  id: string
  customer_id: string
  resource_type: string
  quantity: string
  timestamp: string
  history?: boolean
  correction?: { action: string }
}

/** Every accepted event is listed once, as it stands, but for those that were erased. */
function listDifferences({ events }: Standing, listed: Listed[]): string[] {
  const wrong: string[] = []
  const seen = new Set<string>()
  for (const one of listed) {
    const event = events.get(one.id)
    if (seen.has(one.id)) wrong.push(`${one.id} is listed twice`)
    seen.add(one.id)
    if (!event) wrong.push(`${one.id} is listed, and was never accepted`)
    else if (event.erased) wrong.push(`${one.id} was erased, and is listed`)
    else wrong.push(...listedOtherwise(event, one))
  }
  for (const [id, { erased }] of events) if (!erased && !seen.has(id)) wrong.push(`${id} is not listed`)
  return wrong.slice(0, 5)
}

function listedOtherwise(event: KnownEvent, one: Listed): string[] {
  const { customer, type, quantity, time } = shownState(event)
  const at = Date.parse(one.timestamp)
  const isVoided = one.correction?.action === 'void'
  const is = [
    one.customer_id,
    one.resource_type,
    scaled(one.quantity),
    one.history === true,
    isVoided,
    one.correction !== undefined,
  ]
  const wanted = [customer, type, quantity, event.history, stateOf(event) === null, event.acts.length > 0]
  const wrong = is.some((value, i) => value !== wanted[i])
    ? [`${one.id} is listed as ${is}, and stands as ${wanted}`]
    : []
  if (at < time.fromMs || at > time.toMs)
    wrong.push(`${one.id} is listed at ${one.timestamp}, which is another time`)
  return wrong
}

// A run: generated requests to a server, each answer judged, and at the end what the server holds.

import { isJsonType } from '../support/answers.ts'
import { type Actor, type AdminPool, remember } from './actor.ts'
import { change } from './change-request.ts'
import { Changes, isChanging } from './changes.ts'
import { type ApiDocument, nameOf, type Operation, operationsOf, targetsOf } from './document.ts'
import { noteSent, strangers } from './isolation.ts'
import { Ledger } from './ledger.ts'
import { lostFields } from './lost-fields.ts'
import { kindOf, minimised } from './minimise.ts'
import { isReplay, Oracle } from './oracle.ts'
import { Random } from './random.ts'
import { build, bytesOf, curlLine, type FuzzRequest, payloadOf } from './request.ts'
import type { Platform } from './server.ts'
import { Turns } from './turns.ts'
import { type Outcome, send, type WireResponse } from './wire.ts'
import {
  firstDifference,
  firstUsage,
  issueDue,
  newActor,
  newAdminPool,
  settleAll,
  snapshot,
  type Target,
} from './world.ts'

export type RunOptions = Target & {
  requests: number
  seed: string
  atOnce?: number
  timeoutMs?: number
  log?: (line: string) => void
  /** whose HTTP layer stands before the app */
  platform: Platform
}

export type Report = {
  seed: string
  requests: number
  /** answers by status; `closed` for none */
  statuses: Record<string, number>
  accepted: number
  /** by operation and media type: answers of success, and refusals */
  coverage: Record<string, { sent: number; success: number; refused: number }>
  violations: string[]
}

/** After so many requests two new tenants take over: a tenant's meters and plans are bounded. */
const REQUESTS_PER_PAIR = 5_000
const VIOLATIONS_SHOWN = 12
const TRIES_TO_SUCCEED = 300
/** Of requests: those that record, where most can go wrong, and those that change what was counted. */
const RECORDS = 0.3
const CHANGES = 0.06
/** Of a tenant's requests, before any customer's events are erased. */
const NOTHING_ERASED = 0.6
/** What an operation works on is used up at times: then another request makes it anew. */
const MADE_BY: Record<string, string> = {
  getMeter: 'createMeter',
  changeMeter: 'createMeter',
  archiveMeter: 'createMeter',
  applyCorrection: 'createCorrection',
  revertCorrection: 'applyCorrection',
  cancelRevision: 'reviseMeter',
}
const KEEP_ALIVE = 0.15
/** Of requests with an Idempotency-Key. */
const SENT_AGAIN = 0.5

export async function run(options: RunOptions): Promise<Report> {
  const { requests, seed, log = () => {} } = options
  const session = new Session(options, await documentOf(options))
  const sentinel = await newActor(options, 'S', 'UTC', new Random(`${seed}/sentinel`))
  await firstUsage(options, sentinel)
  await settleAll(options)
  const startedMs = Date.now()
  const sentinelBefore = await snapshot(options, sentinel, startedMs, true)
  const { report } = session
  for (let pair = 0; report.requests < requests; pair++) {
    const share = Math.min(requests - report.requests, REQUESTS_PER_PAIR)
    await session.pair(pair, sentinel, share)
    const sentinelAfter = await snapshot(options, sentinel, startedMs, true)
    if (sentinelAfter !== sentinelBefore)
      session.violated(
        `the sentinel tenant is not what it was:\n  ${firstDifference(sentinelBefore, sentinelAfter)}`,
      )
    log(
      `${report.requests} requests, ${report.accepted} events accepted, ${report.violations.length} violations`,
    )
    if (report.violations.length >= VIOLATIONS_SHOWN) break
  }
  for (const [name, { success, refused }] of Object.entries(report.coverage)) {
    if (success === 0) session.violated(`${name} never succeeded: teach test/fuzz/values.ts what it takes`)
    if (refused === 0 && session.canRefuse(name)) session.violated(`${name} was never refused`)
  }
  const alive = await fetch(new URL('/health', options.baseUrl)).catch((error) => ({ status: String(error) }))
  if (alive.status !== 200) session.violated(`the server is not alive afterwards: ${alive.status}`)
  return report
}

async function documentOf({ baseUrl }: Target): Promise<ApiDocument> {
  const response = await fetch(new URL('/openapi.json', baseUrl))
  if (!response.ok) throw new Error(`No OpenAPI document: ${response.status} ${await response.text()}`)
  return (await response.json()) as ApiDocument
}

const hasKey = ({ headers }: FuzzRequest): boolean =>
  headers.some(([name]) => name.toLowerCase() === 'idempotency-key')

type BuildTarget = ReturnType<typeof targetsOf>[number]

class Session {
  readonly report: Report
  readonly #options: RunOptions
  readonly #document: ApiDocument
  readonly #operations: Operation[]
  readonly #host: { host: string; port: number; header: string }
  #oracle: Oracle
  #tokens = new Map<string, string>()
  #admin: AdminPool = { tenants: [], keys: [], cursors: [] }
  #ledger!: Ledger
  #changes!: Changes
  readonly #turns = new Turns()
  readonly #kinds = new Set<string>()

  constructor(options: RunOptions, document: ApiDocument) {
    const { hostname, port, host } = new URL(options.baseUrl)
    this.#options = options
    this.#document = document
    this.#operations = operationsOf(document)
    this.#host = { host: hostname, port: Number(port), header: host }
    this.#oracle = new Oracle(document, this.#operations, [], options.platform === 'workerd')
    const coverage = targetsOf(this.#operations).map((target) => [
      nameOf(target),
      { sent: 0, success: 0, refused: 0 },
    ])
    this.report = {
      ...{ seed: options.seed, requests: 0, statuses: {}, accepted: 0, violations: [] },
      coverage: Object.fromEntries(coverage),
    }
  }

  /** Whether a valid request of this operation can be made an invalid one. */
  canRefuse(name: string): boolean {
    const target = targetsOf(this.#operations).find((one) => nameOf(one) === name)!
    const { access, parameters } = target.operation
    return access !== 'public' || parameters.length > 0 || target.mediaType !== null
  }

  violated(what: string): void {
    if (this.report.violations.length < VIOLATIONS_SHOWN) this.report.violations.push(what)
  }

  /** Two tenants, one after the other. While one sends, the other may not change. */
  async pair(number: number, sentinel: Actor, requests: number): Promise<void> {
    const { seed, adminToken } = this.#options
    const target = this.#options
    const random = new Random(`${seed}/${number}`)
    const a = await newActor(target, 'A', 'UTC', random)
    const b = await newActor(target, 'B', 'Asia/Kolkata', random)
    this.#admin = await newAdminPool(target)
    a.others = [b, sentinel]
    b.others = [a, sentinel]
    this.#tokens = new Map([
      [adminToken, '$ADMIN_TOKEN'],
      ...[a, b, sentinel].map(({ apiKey, name }): [string, string] => [apiKey, `$KEY_${name}`]),
    ])
    this.#oracle = new Oracle(
      this.#document,
      this.#operations,
      [...this.#tokens.keys()],
      this.#options.platform === 'workerd',
    )
    const ledgers = new Map([a, b].map((actor) => [actor, new Ledger(actor)]))
    for (const [actor, ledger] of ledgers)
      for (const event of await firstUsage(target, actor)) ledger.accept(event.id as string, event)
    for (const [actor, other] of [[a, b] as const, [b, a] as const]) {
      this.#ledger = ledgers.get(actor)!
      this.#changes = new Changes(target, actor, this.#ledger)
      const startedMs = Date.now()
      await issueDue(target)
      const before = await snapshot(target, other, startedMs, false)
      const share = actor === a ? Math.ceil(requests / 2) : Math.floor(requests / 2)
      await this.#send(`${seed}/${number}/${actor.name}`, actor, share, number === 0 && actor === a)
      for (const wrong of await this.#changes.finish()) this.violated(`tenant ${actor.name}: ${wrong}`)
      const after = await snapshot(target, other, startedMs, false)
      if (after !== before)
        this.violated(
          `tenant ${actor.name}’s requests have changed tenant ${other.name}’s data:\n  ${firstDifference(before, after)}`,
        )
      this.report.accepted += this.#ledger.accepted
    }
  }

  async #send(seed: string, actor: Actor, requests: number, coverFirst: boolean): Promise<void> {
    const targets = targetsOf(this.#operations)
    const end = this.report.requests + requests
    if (coverFirst) await this.#cover(seed, actor)
    const work = async (): Promise<void> => {
      while (this.report.requests < end && this.report.violations.length < VIOLATIONS_SHOWN) {
        const random = new Random(`${seed}/${this.report.requests}`)
        actor.mayErase ||= end - this.report.requests < (1 - NOTHING_ERASED) * requests
        const target = this.#picked(targets, random)
        const times = random.pick(
          isChanging(target.operation.id) ? [0, 0, 0, 0, 1, 2] : [0, 0, 1, 1, 1, 1, 2, 2, 3, 6],
        )
        const request = this.#changed(target, actor, random, times)
        await this.#exchange(request, actor, random)
        if (hasKey(request) && random.chance(SENT_AGAIN)) await this.#exchange(request, actor, random)
      }
    }
    await Promise.all(Array.from({ length: this.#options.atOnce ?? 4 }, work))
  }

  #picked(targets: BuildTarget[], random: Random): BuildTarget {
    const at = random.next()
    const records = targets.filter(({ operation }) => operation.id === 'recordUsage')
    if (at < RECORDS && records.length > 0) return random.pick(records)
    const changing = targets.filter(({ operation }) => isChanging(operation.id))
    return random.pick(at < RECORDS + CHANGES && changing.length > 0 ? changing : targets)
  }

  /** A valid request, changed so many times. */
  #changed(target: BuildTarget, actor: Actor, random: Random, times: number): FuzzRequest {
    const request = this.#built(target, actor, random)
    const right = this.#tokenFor(target.operation, actor)
    const wrong = [...this.#tokens.keys(), `${actor.apiKey.slice(0, -1)}_`, actor.id].filter(
      // Another tenant's key is a right one: it makes the request that tenant's.
      (token) => token !== right && !(target.operation.access === 'tenant' && token.startsWith('tg_')),
    )
    change(request, times, random, actor, { right, wrong })
    return request
  }

  /** Every operation, in every media type, succeeds once at least, and is refused once where it can be. */
  async #cover(seed: string, actor: Actor): Promise<void> {
    const targets = targetsOf(this.#operations)
    for (const target of targets) {
      for (let i = 0; i < TRIES_TO_SUCCEED && this.report.coverage[nameOf(target)]!.success === 0; i++) {
        const random = new Random(`${seed}/${nameOf(target)}/${i}`)
        const maker = targets.find(({ operation }) => operation.id === MADE_BY[target.operation.id])
        if (maker && i > 0) await this.#exchange(this.#built(maker, actor, random), actor, random)
        await this.#exchange(this.#built(target, actor, random), actor, random)
      }
      const name = nameOf(target)
      for (let i = 0; i < TRIES_TO_SUCCEED && this.#isUnrefused(name); i++) {
        const random = new Random(`${seed}/${name}/refused/${i}`)
        await this.#exchange(this.#changed(target, actor, random, 2), actor, random)
      }
    }
  }

  #isUnrefused(name: string): boolean {
    return this.report.coverage[name]!.refused === 0 && this.canRefuse(name)
  }

  #built(target: BuildTarget, actor: Actor, random: Random): FuzzRequest {
    const { operation, mediaType } = target
    const setting = {
      document: this.#document,
      ...{ operation, mediaType, chosen: {} },
      actor,
      admin: this.#admin,
      random,
      nowMs: Date.now(),
    }
    return build(target, setting, this.#tokenFor(operation, actor))
  }

  #tokenFor(operation: Operation | null, actor: Actor): string | null {
    if (operation === null || operation.access === 'public') return null
    return operation.access === 'admin' ? this.#options.adminToken : actor.apiKey
  }

  /** What changes what was counted is sent while nothing else is. */
  async #exchange(request: FuzzRequest, actor: Actor, random: Random): Promise<void> {
    const { operation } = this.#oracle.reached(request)
    if (operation === null || !isChanging(operation.id))
      return this.#turns.together(() => this.#exchanged(request, actor, random))
    await this.#turns.alone(async () => {
      const watch = await this.#changes.before(request, operation.id, random)
      await this.#exchanged(request, actor, random)
      const wrong = await this.#changes.after(request, operation.id, watch, random)
      if (wrong.length > 0) this.#tell(request, actor, wrong)
    })
  }

  async #exchanged(request: FuzzRequest, actor: Actor, random: Random): Promise<void> {
    const wrong = await this.#judged(request, actor, random)
    if (wrong.length === 0) return
    // One of a kind is enough to look at.
    const kinds = wrong.map(kindOf)
    if (kinds.every((kind) => this.#kinds.has(kind))) return
    for (const kind of kinds) this.#kinds.add(kind)
    const again = (changed: FuzzRequest) => this.#judged(changed, actor, random)
    const least = request.malformed ? request : await minimised(request, wrong[0]!, again)
    this.#tell(request, actor, wrong, least)
  }

  #tell(request: FuzzRequest, actor: Actor, wrong: string[], least = request): void {
    const what = `${request.operation.id}, tenant ${actor.name} (${request.changes.join(', ') || 'unchanged'})`
    this.violated(
      `${what}\n  ${wrong.join('\n  ')}\n  ${curlLine(least, this.#options.baseUrl, this.#tokens)}`,
    )
  }

  /** Sends it, and says what is wrong with the answer. */
  async #judged(request: FuzzRequest, actor: Actor, random: Random): Promise<string[]> {
    const { host, port, header } = this.#host
    const keepAlive = !request.malformed && random.chance(KEEP_ALIVE)
    const bytes = bytesOf(request, header)
    // A chunk may end within a name.
    noteSent(
      actor,
      Buffer.concat([...bytes, (request.raw === null && payloadOf(request)) || Buffer.alloc(0)]),
    )
    this.#ledger.sending(request)
    const outcome = await send({
      ...{ host, port, bytes, isHead: request.method === 'HEAD', hangUp: request.malformed },
      ...(keepAlive && {
        // biome-ignore lint/suspicious/noThenProperty: what is sent then
        then: Buffer.from(`GET /health HTTP/1.1\r\nhost: ${header}\r\nconnection: close\r\n\r\n`),
      }),
      // What is not whole may be waited for: not for long here.
      timeoutMs: request.malformed ? 3_000 : (this.#options.timeoutMs ?? 30_000),
    })
    this.#note(request, outcome)
    const { operation } = this.#oracle.reached(request)
    const wrong = this.#oracle.judge(request, outcome, this.#tokenFor(operation, actor))
    if (outcome.kind !== 'answered') return wrong
    const { response } = outcome
    const operators = operation?.access === 'admin' && response.status < 400
    if (!operators) wrong.push(...strangers(actor, `${[...response.headers].join('\n')}\n${response.body}`))
    if (response.status < 300 && request.method !== 'HEAD')
      wrong.push(...(await this.#learn(request, operation, response, actor, random)))
    return wrong
  }

  #note(request: FuzzRequest, outcome: Outcome): void {
    const { report } = this
    report.requests++
    const status = outcome.kind === 'answered' ? outcome.response.status : outcome.kind
    const label = request.malformed ? `${status} to no valid HTTP` : status
    report.statuses[label] = (report.statuses[label] ?? 0) + 1
    const covered = report.coverage[nameOf(request)]!
    covered.sent++
    if (typeof status !== 'number' || request.malformed) return
    if (status < 300 && request.changes.length === 0) covered.success++
    if (status >= 400) covered.refused++
  }

  /** From a success: what was counted, and ids for later requests. */
  async #learn(
    request: FuzzRequest,
    operation: Operation | null,
    response: WireResponse,
    actor: Actor,
    random: Random,
  ): Promise<string[]> {
    if (operation === null || !isJsonType(response.headers.get('content-type') ?? '')) return []
    const body = JSON.parse(response.body.toString())
    const admin = operation.access === 'admin'
    if (typeof body.next_cursor === 'string')
      remember(admin ? this.#admin.cursors : actor.cursors, body.next_cursor, random)
    if (request.cutAt !== null && request.mediaType !== null) return ['a success for a body that was cut off']
    if (/^(create|change)/.test(operation.id) && !admin && operation.id !== 'createCorrection') {
      const lost = lostFields(request, body)
      if (lost.length > 0) return lost
    }
    if (isChanging(operation.id))
      return isReplay(response) ? [] : this.#changes.learn(operation.id, request, body, random)
    switch (operation.id) {
      case 'recordUsage':
        for (const { id } of body.events.slice(0, 3)) if (id !== null) remember(actor.eventIds, id, random)
        return isReplay(response) ? [] : this.#ledger.recorded(request, body)
      case 'createMeter':
        if (body.dry_run === true) break
        remember(actor.meters, body.key, random)
        remember(actor.resourceTypes, body.resource_type, random)
        break
      case 'createPlan':
        remember(actor.plans, body.key, random)
        break
      case 'createCustomer':
        remember(actor.customers, body.customer_id, random)
        break
      case 'createTenant':
        remember(this.#admin.tenants, body.id, random)
        remember(this.#admin.keys, body.api_key.id, random)
        break
      case 'createApiKey':
        remember(this.#admin.keys, body.id, random)
    }
    return []
  }
}

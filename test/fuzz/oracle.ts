// Judges an answer by the OpenAPI document alone: what may come, in which form, and what must never be in it.

import { isUtf8 } from 'node:buffer'
import { escaped, isJsonType, type Validate, validatorOf } from '../support/answers.ts'
import { type ApiDocument, fieldNames, type Operation, type Schema } from './document.ts'
import { CSV } from './import-file.ts'
import { type FuzzRequest, payloadOf } from './request.ts'
import type { Outcome, WireResponse } from './wire.ts'

const REFUSAL_BYTES_MAX = 128 * 1024
const RECORDED_BYTES_MAX = 2 * 1024 * 1024
/** Node's bound of all headers together; servers differ above it. */
const HEAD_BYTES = 8_000
/** The place of a CSV file's header. */
const HEADER = 'line 1'
/**
 * A GET with a chunked body that no socket holds, which `wrangler dev` may hang up on. It is its proxy that does, not the Worker: of 480
 * such requests of 200 kB to 3 MB through it 6 were closed, all chunked; of 480 straight to the port of the workerd behind it, which runs
 * the app, none, and each connection went on. The proxy (ProxyWorker.ts in wrangler) sends a GET again when its connection to the Worker
 * drops, as `new Request(request, …)`; its body is used by then, that throws in a timer, and nobody is left to answer.
 */
const UNREAD_BYTES = 65_536
const isLargeGet = (request: FuzzRequest): boolean =>
  request.method === 'GET' &&
  request.framing === 'chunked' &&
  (payloadOf(request)?.length ?? 0) > UNREAD_BYTES
/** Of HTTP's own layer, for what is no valid HTTP. */
const PROTOCOL = [400, 404, 405, 408, 411, 413, 414, 417, 421, 426, 431, 501, 505]

/** What wrangler's proxy in front of the Worker says by itself to what is no valid HTTP, or breaks off. */
const isProxys = (status: number, text: string): boolean =>
  PROTOCOL.includes(status) || ['Internal Server Error', 'Error: Network connection lost.'].includes(text)

const LEAKS = [
  /\btg_[0-9A-Za-z]{38}\b/,
  /node_modules|file:\/\/|\/src\/\w+\/[\w/-]+\.ts|\bat (async )?[\w.<>]+ \([^)]*:\d+:\d+\)/,
  /Failed query|drizzle|PostgresError|NeonDbError|ReplyError|syntax error at|violates \w+ constraint|relation "/i,
  /@user_script|NOSCRIPT|EVALSHA|ECONNREFUSED|postgres(ql)?:\/\/|rediss?:\/\//,
  /TypeError|RangeError|ReferenceError|is not a function|Cannot read propert|\[object Object\]/,
]

export type Reached = { operation: Operation | null; known: boolean }

export class Oracle {
  readonly #document: ApiDocument
  readonly #operations: Operation[]
  readonly #validate: Validate
  readonly #secrets: string[]
  readonly #onWorkerd: boolean

  constructor(document: ApiDocument, operations: Operation[], secrets: string[], onWorkerd = false) {
    this.#document = document
    this.#operations = operations
    this.#secrets = secrets
    this.#onWorkerd = onWorkerd
    this.#validate = validatorOf(document)
  }

  /** The operation that a request comes to, as servers read addresses. */
  reached(request: FuzzRequest): Reached {
    const path = pathOf(request.path)
    const here = this.#operations.filter(({ pattern }) => pattern.test(path))
    const method = request.method === 'HEAD' ? 'GET' : request.method
    return { operation: here.find((one) => one.method === method) ?? null, known: here.length > 0 }
  }

  /** What is wrong with the outcome, in words; empty: nothing. `token`: what this operation is used with. */
  judge(request: FuzzRequest, outcome: Outcome, token: string | null): string[] {
    if (outcome.kind === 'refused') return [`the server is gone: ${outcome.error}`]
    if (outcome.kind === 'timeout') return request.malformed ? [] : [`no answer within ${outcome.ms} ms`]
    const large = headBytes(request) > HEAD_BYTES
    if (outcome.kind === 'closed')
      return request.malformed || large || (this.#onWorkerd && isLargeGet(request))
        ? []
        : ['the connection was closed without an answer']
    const { response, next } = outcome
    const text = response.body.toString()
    const wrong = [...this.#leaks(text, response, request)]
    if (next !== null && (next.status !== 200 || next.body.toString() !== '{"status":"ok"}'))
      wrong.push(`the next answer on the connection is ${next.status} ${next.body.toString().slice(0, 100)}`)
    if (response.status >= 500 && !(request.malformed && isProxys(response.status, text)))
      return [...wrong, `status ${response.status}: ${text.slice(0, 300)}`]
    const isProblem = response.headers.get('content-type')?.startsWith('application/problem+json') ?? false
    if ((request.malformed || large) && !isProblem && PROTOCOL.includes(response.status)) return wrong
    if (request.malformed) return wrong
    return [...wrong, ...this.#answer(request, response, token)]
  }

  #answer(request: FuzzRequest, response: WireResponse, token: string | null): string[] {
    const { status, headers } = response
    const { operation, known } = this.reached(request)
    const wrong: string[] = []
    if (!headers.get('x-request-id')) wrong.push('no x-request-id')
    const listed = operation === null ? [] : Object.keys(operation.responses).map(Number)
    const beside = operation === null ? (known ? [405] : [404]) : [404, 405, 413, 414, 431]
    if (request.method === 'OPTIONS' && known) beside.push(204)
    if (!listed.includes(status) && !beside.includes(status))
      wrong.push(
        `status ${status} is not listed for ${operation?.id ?? 'a path that is not in the document'}`,
      )
    if (operation !== null && operation.access !== 'public' && !hasToken(request, token) && status !== 401)
      wrong.push(`status ${status} without the right token`)
    if (request.method === 'HEAD' || status === 204) return wrong
    return [
      ...wrong,
      ...(status >= 400
        ? this.#refusal(request, operation, response)
        : this.#success(request, operation, response)),
    ]
  }

  #refusal(request: FuzzRequest, operation: Operation | null, response: WireResponse): string[] {
    const type = response.headers.get('content-type')
    if (type !== 'application/problem+json') return [`a refusal of type ${type}`]
    const problem = parsed(response.body)
    const errors = this.#validate('/components/schemas/Problem', problem)
    if (errors !== null) return [`no problem document: ${errors}`]
    const { status, request_id, detail, errors: issues = [] } = problem as ProblemBody
    const wrong: string[] = []
    if (status !== response.status) wrong.push(`a problem of status ${status} in a ${response.status}`)
    if (!isReplay(response) && request_id !== response.headers.get('x-request-id'))
      wrong.push('another request_id than the header’s')
    if (detail.length < 15) wrong.push(`the detail says nothing: ${detail}`)
    if (response.status === 405 && !response.headers.get('allow')) wrong.push('405 without Allow')
    if (response.body.length > REFUSAL_BYTES_MAX)
      wrong.push(`a refusal of ${response.body.length} bytes: ${detail.slice(0, 200)}`)
    if (operation !== null) wrong.push(...this.#pointers(request, operation, issues))
    return wrong
  }

  #success(request: FuzzRequest, operation: Operation | null, response: WireResponse): string[] {
    if (operation === null) return [`success on no operation of the document`]
    const content = operation.responses[response.status]?.content ?? {}
    const type = response.headers.get('content-type')?.split(';')[0]
    if (type === undefined || content[type] === undefined) return [`success of type ${type}`]
    if (type !== 'application/json') return []
    const body = parsed(response.body)
    if (body === undefined) return [`no JSON: ${response.body.toString().slice(0, 100)}`]
    const errors = this.#validate(
      `/paths/${escaped(operation.path)}/${operation.method.toLowerCase()}/responses/${response.status}/content/${escaped(type)}/schema`,
      body,
    )
    if (operation.id === 'recordUsage' && response.body.length > RECORDED_BYTES_MAX)
      return [`an answer of ${response.body.length} bytes to events`]
    const { events } = body as { events?: { errors?: Issue[] }[] }
    // Elsewhere `events` is a number of them.
    const lenient = Array.isArray(events) ? events : []
    return [
      ...(errors === null ? [] : [`the answer is not what the document says: ${errors}`]),
      // In a lenient batch some events may be refused.
      ...(lenient.some((event) => event.errors) ? [] : this.#acceptedBody(request, operation)),
      ...this.#pointers(
        request,
        operation,
        lenient.flatMap((event) => event.errors ?? []),
      ),
    ]
  }

  /** What was accepted must be what the document allows. */
  #acceptedBody(request: FuzzRequest, operation: Operation): string[] {
    const type = mediaTypeOf(request)
    const payload = payloadOf(request)
    // A file may have lines that are wrong: its answer names them.
    if (payload === null || operation.bodies[type] === undefined || !isJsonType(type)) return []
    if (!isUtf8(payload)) return ['accepted a body that is no UTF-8']
    if (namesProto(payload)) return ['accepted a name that objects lose: __proto__']
    const pointer = `/paths/${escaped(operation.path)}/${operation.method.toLowerCase()}/requestBody/content/${escaped(type)}/schema`
    const errors = this.#validate(pointer, parsed(payload))
    return errors === null ? [] : [`accepted a body that the document forbids: ${errors}`]
  }

  /** Each issue names a place that was sent, or one that is missing and could have been sent. */
  #pointers(request: FuzzRequest, operation: Operation, issues: Issue[]): string[] {
    const payload = payloadOf(request)
    const schema = operation.bodies[mediaTypeOf(request)]
    return issues.flatMap(({ pointer, detail }) => {
      if (detail === '') return [`nothing said about ${pointer}`]
      if (!pointer.startsWith('#')) {
        const names = [
          ...operation.parameters.map(({ name }) => name),
          ...[...new URLSearchParams(request.query.map(([name]) => `${name}=`).join('&')).keys()],
          ...(mediaTypeOf(request) === CSV ? [HEADER] : []),
        ]
        const shown = pointer.replace(/…$/, '')
        return names.some((name) => name.startsWith(shown) || pointer.startsWith(`${name}.`))
          ? []
          : [`${pointer.slice(0, 100)} was not in the request`]
      }
      if (payload === null || schema === undefined)
        return [`points at ${pointer.slice(0, 100)}, but there was no body`]
      return this.#pointsAt(parsed(payload), pointer, schema, detail.startsWith('is required'))
        ? []
        : [`${pointer.slice(0, 200)} is not in the body and can’t be (${detail})`]
    })
  }

  /** `required`: a meter names a place in the properties by a path, of which nothing may be there. */
  #pointsAt(body: unknown, pointer: string, schema: Schema, required: boolean): boolean {
    let at = body
    let before = ''
    let inProperties = false
    for (const part of pointer.split('/').slice(1)) {
      const name = part.replaceAll('~1', '/').replaceAll('~0', '~')
      const properties = ['properties', 'data'].includes(before)
      inProperties ||= properties
      if (typeof at !== 'object' || at === null) return inProperties && required
      if (!Object.hasOwn(at, name))
        return properties || (inProperties && required) || fieldNames(this.#document, schema).has(name)
      at = (at as Record<string, unknown>)[name]
      before = name
    }
    return true
  }

  *#leaks(text: string, response: WireResponse, request: FuzzRequest): Iterable<string> {
    const showsKey =
      response.status === 201 &&
      ['createTenant', 'createApiKey'].includes(this.reached(request).operation?.id ?? '')
    const isReference = ['home', 'openapi', 'docs', 'errors'].includes(
      this.reached(request).operation?.id ?? '',
    )
    const everything = `${text}\n${[...response.headers].join('\n')}`
    for (const secret of this.#secrets) if (everything.includes(secret)) yield 'a secret is in the answer'
    if (isReference) return
    for (const leak of showsKey ? LEAKS.slice(1) : LEAKS) {
      const found = leak.exec(everything)
      if (found) yield `the answer tells of our inside: ${found[0]}`
    }
  }
}

type Issue = { pointer: string; detail: string }
type ProblemBody = { status: number; request_id: string; detail: string; errors?: Issue[] }

/** The first answer to a request with an Idempotency-Key, come again. */
export const isReplay = ({ headers }: WireResponse): boolean => headers.get('idempotency-replayed') === 'true'

function parsed(bytes: Buffer): unknown {
  try {
    // Without the byte order mark, which a receiver may pass over.
    return JSON.parse(new TextDecoder().decode(bytes))
  } catch {
    return undefined
  }
}

function namesProto(bytes: Buffer): boolean {
  let found = false
  JSON.parse(new TextDecoder().decode(bytes), (name, value) => {
    found ||= name === '__proto__'
    return value
  })
  return found
}

export const headBytes = (request: FuzzRequest): number =>
  request.path.length +
  request.query.reduce((sum, [name, value]) => sum + name.length + value.length + 2, 0) +
  request.headers.reduce((sum, [name, value]) => sum + name.length + Buffer.byteLength(value) + 4, 0)

export const mediaTypeOf = (request: FuzzRequest): string =>
  (request.headers.find(([name]) => name === 'content-type')?.[1] ?? '').split(';')[0]!.trim().toLowerCase()

export function hasToken(request: FuzzRequest, token: string | null): boolean {
  const sent = request.headers.filter(([name]) => name === 'authorization')
  return token !== null && sent.length === 1 && sent[0]![1] === `Bearer ${token}`
}

function pathOf(sent: string): string {
  const { pathname } = new URL(`http://fuzz${sent.startsWith('/') ? '' : '/'}${sent.split('#')[0]}`)
  try {
    return decodeURI(pathname)
  } catch {
    return pathname
  }
}

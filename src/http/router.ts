// Adds endpoints to the app. What has no schemas to check, as recording has none, is one handler without a middleware before
// it: this way Hono calls it directly. Mistakes in a definition fail here, when the app is made.

import type { Context, Handler } from 'hono'
import { TollgateError } from '../kernel/errors.ts'
import { newId } from '../kernel/ids.ts'
import { admit } from './admit.ts'
import { announcesBody, drain } from './drain.ts'
import type { Endpoint } from './endpoint.ts'
import type { App, Deps, Env } from './env.ts'
import { failed } from './failed.ts'
import { handleOnce } from './idempotency.ts'
import { describeEndpoint } from './openapi.ts'
import { inputReader, validators } from './read-input.ts'
import { nothing } from './reply.ts'

const REQUEST_ID = /^[\w.:-]{1,128}$/

/** Adds a group of routes to the app: `(router, deps) => { router.add({…}) }`. */
export type Routes = (router: Router, deps: Deps) => void

export class Router {
  readonly #app: App
  readonly #deps: Deps
  /** by path template */
  readonly #paths = new Map<string, { pattern: RegExp; methods: string[] }>()
  readonly #ids = new Set<string>()

  constructor(app: App, deps: Deps) {
    this.#app = app
    this.#deps = deps
    app.notFound((c) => this.#nothingHere(c))
    app.onError((error, c) => refused(c, error))
  }

  add<Params = undefined, Query = undefined, Body = undefined>(
    endpoint: Endpoint<Params, Query, Body>,
  ): void {
    this.#check(endpoint as Endpoint)
    const read = inputReader(endpoint)
    const handle = handleOnce(endpoint, this.#deps)
    const enter = async (c: Context<Env>) => {
      c.set('requestId', requestIdOf(c))
      c.set('newId', newId)
      await admit(c, this.#deps, endpoint.access)
      if (!takesBody(endpoint) && announcesBody(c)) await drain(c)
    }
    const checks = validators(endpoint as Endpoint)
    const last: Handler<Env> = async (c) => handle(c, await read(c))
    const first: Handler<Env> = async (c, next) => {
      try {
        await enter(c)
        return await (checks.length === 0 ? last(c, next) : next())
      } catch (error) {
        return refused(c, error)
      }
    }
    const handlers = checks.length === 0 ? [first] : [first, ...checks, last]
    const path = endpoint.path.replaceAll(/\{(\w+)\}/g, ':$1')
    this.#app.on(endpoint.method.toUpperCase(), [path], ...handlers)
    describeEndpoint(this.#app, endpoint as Endpoint)
  }

  #check({ method, path, id, params, body, uncheckedBody, streamedBody }: Endpoint): void {
    const wrong = (what: string) => new Error(`${method.toUpperCase()} ${path}: ${what}`)
    if (!/^\/[\w./{}-]*$/.test(path)) throw wrong('the path is not one')
    const known = this.#paths.get(path) ?? { pattern: patternOf(path), methods: [] }
    if (known.methods.includes(method.toUpperCase())) throw wrong('is there already')
    if (this.#ids.has(id)) throw wrong(`the id ${id} is used already`)
    const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name!)
    const inSchema = Object.keys((params as { shape?: object } | undefined)?.shape ?? {})
    if (inPath.sort().join() !== inSchema.sort().join())
      throw wrong(`params should be ${inPath.join() || 'none'}`)
    if ([body, uncheckedBody, streamedBody].filter(Boolean).length > 1) throw wrong('has two bodies')
    this.#ids.add(id)
    this.#paths.set(path, known)
    known.methods.push(method.toUpperCase())
  }

  /** No endpoint has this method and path: 405 if the path is one, else 404. */
  async #nothingHere(c: Context<Env>): Promise<Response> {
    c.set('requestId', requestIdOf(c))
    const { method, path } = c.req
    const methods = [...this.#paths.values()].flatMap((known) =>
      known.pattern.test(path) ? known.methods : [],
    )
    if (methods.length === 0) {
      return refused(
        c,
        new TollgateError(
          'not_found',
          `There is nothing at ${path.slice(0, 200)}. The reference is at /docs.`,
        ),
      )
    }
    const allow = [...(methods.includes('GET') ? ['HEAD'] : []), ...methods].join(', ')
    if (method === 'OPTIONS') {
      await drain(c)
      const response = nothing(c)
      response.headers.set('allow', allow)
      return response
    }
    return refused(
      c,
      new TollgateError('method_not_allowed', `${method} is not possible here. These are: ${allow}.`),
      { allow },
    )
  }
}

/** A refusal comes before the body is read, often. Left unread, it could cost the connection, and the answer with it. */
async function refused(c: Context<Env>, error: unknown, headers?: Record<string, string>): Promise<Response> {
  await drain(c)
  return failed(c, error, headers)
}

const takesBody = ({
  body,
  uncheckedBody,
  streamedBody,
}: Pick<Endpoint, 'body' | 'uncheckedBody' | 'streamedBody'>): boolean =>
  [body, uncheckedBody, streamedBody].some((one) => one !== undefined)

/** The caller's own, if it is one that a log can hold, so that both sides' logs can be told together. */
export const requestIdFrom = (sent: string | undefined): string =>
  sent !== undefined && REQUEST_ID.test(sent) ? sent : newId()

const requestIdOf = (c: Context<Env>): string => requestIdFrom(c.req.header('x-request-id'))

const patternOf = (path: string): RegExp =>
  new RegExp(`^${path.replaceAll('.', '\\.').replaceAll(/\{\w+\}/g, '[^/]+')}$`)

// The header Idempotency-Key: the same request again, with the same key, gets the first answer again. Without the header
// nothing here costs anything.

import type { Context } from 'hono'
import { z } from 'zod'
import { ANSWER_CHARS, type Claim, HOLD_SECONDS, KEEP_HOURS } from '../access/idempotency-store.ts'
import { sha256Hex } from '../kernel/digest.ts'
import { TollgateError } from '../kernel/errors.ts'
import { idsFrom } from '../kernel/ids.ts'
import { canonicalJson } from '../kernel/same-json.ts'
import { SecretBox } from '../kernel/secret-box.ts'
import { tokenOf } from './admit.ts'
import { type Endpoint, type Input, takesIdempotencyKey } from './endpoint.ts'
import type { Deps, Env } from './env.ts'
import { failed } from './failed.ts'
import { logError } from './log.ts'

const HEADER = 'Idempotency-Key'
const KEY = /^[\x20-\x7e]{1,255}$/
const RETRY_AFTER_SECONDS = 1

/** For the document. */
export const idempotencyHeader = {
  [HEADER]: z
    .string()
    .regex(KEY)
    .optional()
    .meta({
      description: `Any text that you use for this one request, such as a UUID: 1 to 255 printable ASCII characters. The same request with the same key is executed once, and gets the first answer again, with the header \`idempotency-replayed: true\`, for ${KEEP_HOURS} hours at least.`,
      example: '6f1c0c5e-3b7a-4c1e-9f0e-2a8f7f3f5d11',
    }),
}

type Handle<Params, Query, Body> = Endpoint<Params, Query, Body>['handle']

/** The endpoint's `handle`, with the header honoured where the endpoint takes it. */
export function handleOnce<Params, Query, Body>(
  endpoint: Endpoint<Params, Query, Body>,
  deps: Deps,
): Handle<Params, Query, Body> {
  if (!takesIdempotencyKey(endpoint)) return endpoint.handle
  return (c, input) => {
    const key = c.req.header(HEADER)
    return key === undefined ? endpoint.handle(c, input) : answerOnce(endpoint, deps, { c, input, key })
  }
}

type Keyed<Params, Query, Body> = { c: Context<Env>; input: Input<Params, Query, Body>; key: string }

async function answerOnce<Params, Query, Body>(
  endpoint: Endpoint<Params, Query, Body>,
  deps: Deps,
  { c, input, key }: Keyed<Params, Query, Body>,
): Promise<Response> {
  checkKey(key)
  // Who has another token can't read the secret again, nor make it again: theirs is another request.
  const token = endpoint.showsSecret ? tokenOf(c) : null
  const boxFor = (seed: string) => (token === null ? null : new SecretBox(`${token}\n${key}`, seed))
  const outcome = await deps.idempotency.claim({
    scope: endpoint.access === 'tenant' ? c.get('tenant').tenantId : endpoint.access,
    keyHash: sha256Hex(key),
    fingerprint: fingerprintOf(c, input, [...headersOf(c, endpoint), token]),
  })
  if (outcome.kind === 'reused') throw reused()
  if (outcome.kind === 'in_progress') throw inProgress()
  if (outcome.kind === 'answered') return replayed(c, outcome.answer, boxFor(outcome.seed))

  const { claim } = outcome
  const box = boxFor(claim.seed)
  c.set('newId', idsFrom(claim.seed))
  c.set('fillRandom', box?.fillRandom)
  const response = await answered(c, () => endpoint.handle(c, input))
  try {
    await keep(deps, claim, response, box)
  } catch (error) {
    // What was done is done, and the caller is to know. The claim ends by itself, and a retry does nothing twice.
    logError(error, { id: c.get('requestId'), method: c.req.method, path: c.req.path })
  }
  return response
}

function checkKey(key: string): void {
  if (KEY.test(key)) return
  throw new TollgateError('validation_failed', `The header ${HEADER} has a mistake.`, {
    issues: [{ pointer: HEADER, detail: 'must be 1 to 255 printable ASCII characters' }],
  })
}

const headersOf = (c: Context<Env>, { headers }: Pick<Endpoint, 'headers'>) =>
  Object.keys(headers?.shape ?? {}).map((name) => c.req.header(name) ?? null)

/** Equal for equal requests, however their JSON is spelt. */
function fingerprintOf(
  c: Context<Env>,
  { mediaType, sent }: Pick<Input<unknown, unknown, unknown>, 'mediaType' | 'sent'>,
  more: (string | null)[],
): string {
  const { pathname, search } = new URL(c.req.url)
  try {
    return sha256Hex(canonicalJson([c.req.method, pathname + search, mediaType, more, sent ?? null]))
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    throw new TollgateError('validation_failed', 'The body is nested too deeply.', { internal: error })
  }
}

async function answered(c: Context<Env>, handle: () => Promise<Response> | Response): Promise<Response> {
  try {
    return await handle()
  } catch (error) {
    return failed(c, error)
  }
}

type Answer = { status: number; headers: Record<string, string>; body: string }

/** What went wrong on our side may go well the next time: that is no answer to keep. */
async function keep(
  { idempotency }: Pick<Deps, 'idempotency'>,
  claim: Claim,
  response: Response,
  box: SecretBox | null,
): Promise<void> {
  if (response.status >= 500) return await idempotency.release(claim)
  const { 'x-request-id': _, ...headers } = Object.fromEntries(response.headers)
  const body = await response.clone().text()
  const answer = JSON.stringify({ status: response.status, headers, body } satisfies Answer)
  const kept = box === null ? answer : await box.seal(answer)
  if (kept.length > ANSWER_CHARS) await idempotency.release(claim)
  else await idempotency.finish(claim, kept)
}

async function replayed(c: Context<Env>, kept: string, box: SecretBox | null): Promise<Response> {
  const { status, headers, body }: Answer = JSON.parse(box === null ? kept : await box.unseal(kept))
  return new Response(body === '' ? null : body, {
    status,
    headers: { ...headers, 'x-request-id': c.get('requestId'), 'idempotency-replayed': 'true' },
  })
}

const reused = () =>
  new TollgateError(
    'idempotency_key_reused',
    `This ${HEADER} was used for another request: with another method, path, query, body or sender. Send another key with this one.`,
  )

const inProgress = () =>
  new TollgateError(
    'idempotency_in_progress',
    `The first request with this ${HEADER} has no answer yet. Send the same request again; after ${HOLD_SECONDS} seconds without an answer, it is executed again.`,
    { retryAfterSeconds: RETRY_AFTER_SECONDS },
  )

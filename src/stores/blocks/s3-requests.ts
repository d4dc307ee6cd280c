// Signed requests to a bucket of S3, or of what speaks its protocol: each in a bounded time, and what went wrong as a
// named failure without a secret. Which of them may be made again, their user knows.

import { AwsClient } from 'aws4fetch'
import { sha256Hex } from '../../kernel/digest.ts'
import { ANSWER_CHARS, BLOCK_BYTES, REASON_CHARS, REQUEST_TIMEOUT_MS } from './limits.ts'
import { outOfReach } from './out-of-reach.ts'
import { readFailure } from './s3-xml.ts'

export type S3Options = {
  /** The address of the service; the bucket's name follows as the first part of the path. */
  endpoint: string
  bucket: string
  region: string
  accessKeyId: string
  secretAccessKey: string
  timeoutMs?: number
}

export type S3Request = {
  method: 'GET' | 'PUT' | 'POST' | 'DELETE'
  /** '' is the bucket itself. */
  key: string
  query?: Record<string, string>
  headers?: Record<string, string>
  body?: Uint8Array
}

export type S3Answer = { status: number; headers: Headers; body: Uint8Array }

/** `status`: 0 where there was no answer. `code`: S3's own word for it; '' where it said none. */
export class S3Failure extends Error {
  readonly status: number
  readonly code: string

  constructor(status: number, code: string, message: string, cause?: unknown) {
    super(message, { cause })
    this.name = 'S3Failure'
    this.status = status
    this.code = code
  }
}

/** It may take the same request in a moment. */
export const isBusy = (error: unknown): boolean =>
  error instanceof S3Failure &&
  (error.status === 0 || error.status === 429 || (error.status >= 500 && error.status !== 501))

/** What a store throws for it. */
export const storeFailure = (error: unknown): unknown =>
  error instanceof S3Failure ? outOfReach(error) : error

export class S3Requests {
  readonly #client: AwsClient
  readonly #base: string
  readonly #timeoutMs: number

  constructor({ endpoint, bucket, region, accessKeyId, secretAccessKey, timeoutMs }: S3Options) {
    this.#client = new AwsClient({ accessKeyId, secretAccessKey, region, service: 's3' })
    this.#base = `${endpoint.replace(/\/+$/, '')}/${bucket}`
    this.#timeoutMs = timeoutMs ?? REQUEST_TIMEOUT_MS
  }

  /** Gives an answer of 2xx; throws S3Failure for any other, and for none. */
  async send(request: S3Request): Promise<S3Answer> {
    const { method, key } = request
    const what = `${method} ${key === '' ? 'the bucket' : key}`
    let answer: S3Answer
    try {
      answer = await this.#answer(request)
    } catch (error) {
      throw new S3Failure(0, '', `${what}: ${reasonOf(error)}`, error)
    }
    const { status, body } = answer
    if (status >= 200 && status < 300) return answer
    const failure = readFailure(textOf(body))
    const said = failure === null ? '' : ` ${failure.code} ${failure.message}`
    throw new S3Failure(status, failure?.code ?? '', `${what}: ${status}${said}`)
  }

  async #answer({ method, key, query = {}, headers = {}, body }: S3Request): Promise<S3Answer> {
    const url = new URL(key === '' ? this.#base : `${this.#base}/${key}`)
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value)
    const signed = await this.#client.sign(url.href, {
      method,
      headers: { ...headers, 'x-amz-content-sha256': sha256Hex(body ?? '') },
      ...(body !== undefined && { body: body as Uint8Array<ArrayBuffer> }),
    })
    const response = await fetch(signed, {
      signal: AbortSignal.timeout(this.#timeoutMs),
      // What is signed for one place is not sent to another.
      redirect: 'manual',
    })
    return { status: response.status, headers: response.headers, body: await bounded(response) }
  }
}

export const textOf = (body: Uint8Array): string => new TextDecoder().decode(body)

/** An answer is read no further than a block or a list can be long. */
async function bounded(response: Response): Promise<Uint8Array> {
  const most = Math.max(BLOCK_BYTES, ANSWER_CHARS)
  const parts: Uint8Array[] = []
  let length = 0
  for await (const part of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    length += part.length
    if (length > most) throw new Error(`The answer has more than ${most} bytes`)
    parts.push(part)
  }
  const whole = new Uint8Array(length)
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

/** fetch says why in its cause. */
function reasonOf(error: unknown): string {
  const { message, cause } = error as { message?: string; cause?: { message?: string; code?: string } }
  return (cause?.message || cause?.code || message || String(error)).slice(0, REASON_CHARS)
}

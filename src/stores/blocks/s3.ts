// Blocks in a bucket of S3, or of what speaks its protocol (R2, MinIO and others). The bucket itself says who was first: by
// `If-None-Match: *` and `If-Match`. There are services that take such a request and ignore its condition: on these no
// block may be written, and the store refuses to.

import { TollgateError } from '../../kernel/errors.ts'
import type { BlockStore, NewBlock, StoredBlock } from '../../log/block-store.ts'
import { atOnce } from './at-once.ts'
import { checkAfter, checkBlocks, checkContent, checkName, isBlockName } from './block-name.ts'
import { NAMES_PER_REQUEST, REQUESTS_AT_ONCE } from './limits.ts'
import { outOfReach } from './out-of-reach.ts'
import {
  isBusy,
  type S3Answer,
  S3Failure,
  type S3Options,
  type S3Request,
  S3Requests,
  storeFailure,
  textOf,
} from './s3-requests.ts'
import { type ListedPage, readListing } from './s3-xml.ts'
import { withTries } from './tries.ts'

/** No block's name, so it is in no list. */
const PROBE = 'tollgate-probe'
const NO_ETAG = '"00000000000000000000000000000000"'

export class S3BlockStore implements BlockStore {
  readonly kind = 's3'
  readonly #requests: S3Requests
  readonly #names: number
  #probed: Promise<void> | undefined

  /** `names`: in one answer. */
  constructor({ names = NAMES_PER_REQUEST, ...options }: S3Options & { names?: number }) {
    this.#names = names
    this.#requests = new S3Requests(options)
  }

  async put(blocks: NewBlock[]): Promise<void> {
    checkBlocks(blocks)
    if (blocks.length === 0) return
    await this.#probe()
    await atOnce(blocks, REQUESTS_AT_ONCE, ({ name, content }) => this.#putIfAbsent(name, content))
  }

  async get(names: string[]): Promise<(StoredBlock | null)[]> {
    names.forEach(checkName)
    return atOnce(names, REQUESTS_AT_ONCE, async (name) => {
      const answer = await this.#unlessMissing({ method: 'GET', key: name })
      return answer && { content: answer.body, version: etagOf(answer, name) }
    })
  }

  async replace(name: string, version: string, content: Uint8Array): Promise<boolean> {
    checkName(name)
    checkContent(content)
    await this.#probe()
    return this.#putIfMatch(name, version, content)
  }

  async remove(names: string[]): Promise<void> {
    names.forEach(checkName)
    await atOnce(names, REQUESTS_AT_ONCE, (name) => this.#unlessMissing({ method: 'DELETE', key: name }))
  }

  async list(after: string, limit: number): Promise<{ name: string; createdMs: number }[]> {
    checkAfter(after)
    const found: { name: string; createdMs: number }[] = []
    for (let from: Record<string, string> = after === '' ? {} : { 'start-after': after }; ; ) {
      const left = limit - found.length
      if (left <= 0) return found
      const { objects, next } = await this.#page({
        ...from,
        'max-keys': String(Math.min(left, this.#names)),
      })
      // Whatever else is in the bucket is none of ours.
      for (const { key, modifiedMs } of objects)
        if (isBlockName(key)) found.push({ name: key, createdMs: modifiedMs })
      if (next === null) return found
      from = { 'continuation-token': next }
    }
  }

  /** Gives whether it was made; false where one is there. */
  async #putIfAbsent(key: string, body: Uint8Array): Promise<boolean> {
    return this.#unlessRefused([412], isPassing, {
      method: 'PUT',
      key,
      headers: { 'if-none-match': '*' },
      body,
    })
  }

  /**
   * Made again only where S3 says that it did nothing: after an answer that was lost, a second try would take its own
   * content for somebody else's.
   */
  async #putIfMatch(key: string, etag: string, body: Uint8Array): Promise<boolean> {
    return this.#unlessRefused([404, 412], isConflict, {
      method: 'PUT',
      key,
      headers: { 'if-match': etag },
      body,
    })
  }

  async #unlessRefused(
    statuses: number[],
    passing: (error: unknown) => boolean,
    request: S3Request,
  ): Promise<boolean> {
    try {
      await withTries(passing, () => this.#requests.send(request))
      return true
    } catch (error) {
      if (error instanceof S3Failure && statuses.includes(error.status) && !isNoBucket(error)) return false
      throw storeFailure(error)
    }
  }

  async #unlessMissing(request: S3Request): Promise<S3Answer | null> {
    try {
      return await withTries(isPassing, () => this.#requests.send(request))
    } catch (error) {
      // A 404 of something else than S3 says nothing about a block.
      if (error instanceof S3Failure && error.status === 404 && error.code === 'NoSuchKey') return null
      throw storeFailure(error)
    }
  }

  async #page(query: Record<string, string>): Promise<ListedPage> {
    try {
      const request: S3Request = { method: 'GET', key: '', query: { 'list-type': '2', ...query } }
      const { body } = await withTries(isPassing, () => this.#requests.send(request))
      return pageIn(textOf(body))
    } catch (error) {
      throw storeFailure(error)
    }
  }

  /** Once, before the first block is written. */
  async #probe(): Promise<void> {
    this.#probed ??= this.#tryConditions()
    try {
      await this.#probed
    } catch (error) {
      this.#probed = undefined
      throw error
    }
  }

  async #tryConditions(): Promise<void> {
    const content = new TextEncoder().encode('Tollgate asks here whether this bucket keeps to conditions.\n')
    await this.#putIfAbsent(PROBE, content)
    if (await this.#putIfAbsent(PROBE, content)) throw ignores('If-None-Match')
    if (await this.#putIfMatch(PROBE, NO_ETAG, content)) throw ignores('If-Match')
  }
}

const ignores = (condition: string): TollgateError =>
  new TollgateError(
    'misconfigured',
    `The bucket at S3_ENDPOINT ignores ${condition}, and would replace blocks that are there. Use a service that keeps to it.`,
  )

function etagOf({ headers }: S3Answer, name: string): string {
  const etag = headers.get('etag')
  if (etag === null) throw outOfReach(`GET ${name}: the answer has no ETag`)
  return etag
}

function pageIn(xml: string): ListedPage {
  try {
    return readListing(xml)
  } catch (error) {
    throw new S3Failure(200, '', `The list of the bucket can’t be read: ${(error as Error).message}`, error)
  }
}

/** Two conditional writes of one name at one instant. */
const isConflict = (error: unknown): boolean => error instanceof S3Failure && error.status === 409

const isPassing = (error: unknown): boolean => isConflict(error) || isBusy(error)

const isNoBucket = ({ code }: S3Failure): boolean => code === 'NoSuchBucket'

// Blocks in an R2 bucket that is bound to the Worker. R2 itself says who was first: a condition on the ETag, which is that
// of the content.

import type { BlockStore, NewBlock, StoredBlock } from '../../log/block-store.ts'
import { atOnce } from './at-once.ts'
import { checkAfter, checkBlocks, checkContent, checkName, isBlockName } from './block-name.ts'
import { NAMES_PER_REQUEST, REQUEST_TIMEOUT_MS, REQUESTS_AT_ONCE } from './limits.ts'
import type { ExportBucket } from './r2-exports.ts'
import { withTries } from './tries.ts'
import { within } from './within.ts'

type Listed = { key: string; uploaded: Date }

/** What is used of an R2Bucket. */
export type Bucket = {
  get(key: string): Promise<{ etag: string; arrayBuffer(): Promise<ArrayBuffer> } | null>
  /** null: the condition did not hold */
  put(
    key: string,
    content: Uint8Array,
    options: { onlyIf: { etagMatches: string } | { etagDoesNotMatch: string } },
  ): Promise<object | null>
  delete(keys: string[]): Promise<void>
  list(options: {
    limit: number
    startAfter?: string
    cursor?: string
  }): Promise<{ objects: Listed[]; truncated: boolean; cursor?: string }>
}

/** Whether a binding of the Worker is a bucket. */
export const isBucket = (binding: unknown): binding is Bucket & ExportBucket =>
  typeof binding === 'object' &&
  binding !== null &&
  ['get', 'put', 'delete', 'list', 'createMultipartUpload'].every(
    (method) => typeof (binding as Record<string, unknown>)[method] === 'function',
  )

export class R2BlockStore implements BlockStore {
  readonly kind = 'r2'
  readonly #bucket: Bucket
  readonly #timeoutMs: number
  readonly #names: number

  /** `names`: in one request. */
  constructor(
    bucket: Bucket,
    {
      timeoutMs = REQUEST_TIMEOUT_MS,
      names = NAMES_PER_REQUEST,
    }: { timeoutMs?: number; names?: number } = {},
  ) {
    this.#bucket = bucket
    this.#timeoutMs = timeoutMs
    this.#names = names
  }

  async put(blocks: NewBlock[]): Promise<void> {
    checkBlocks(blocks)
    await atOnce(blocks, REQUESTS_AT_ONCE, ({ name, content }) =>
      this.#again(() => this.#bucket.put(name, content, { onlyIf: { etagDoesNotMatch: '*' } })),
    )
  }

  async get(names: string[]): Promise<(StoredBlock | null)[]> {
    names.forEach(checkName)
    return atOnce(names, REQUESTS_AT_ONCE, (name) =>
      this.#again(async () => {
        const found = await this.#bucket.get(name)
        return found && { content: new Uint8Array(await found.arrayBuffer()), version: found.etag }
      }),
    )
  }

  /** Once only: after an answer that was lost, a second try would take its own content for somebody else's. */
  async replace(name: string, version: string, content: Uint8Array): Promise<boolean> {
    checkName(name)
    checkContent(content)
    const replaced = await within(this.#timeoutMs, () =>
      this.#bucket.put(name, content, { onlyIf: { etagMatches: version } }),
    )
    return replaced !== null
  }

  async remove(names: string[]): Promise<void> {
    names.forEach(checkName)
    for (let at = 0; at < names.length; at += this.#names)
      await this.#again(() => this.#bucket.delete(names.slice(at, at + this.#names)))
  }

  async list(after: string, limit: number): Promise<{ name: string; createdMs: number }[]> {
    checkAfter(after)
    const found: { name: string; createdMs: number }[] = []
    for (let from: { startAfter?: string; cursor?: string } = after === '' ? {} : { startAfter: after }; ; ) {
      const left = limit - found.length
      if (left <= 0) return found
      const page = await this.#again(() => this.#bucket.list({ ...from, limit: Math.min(left, this.#names) }))
      // Whatever else is in the bucket is none of ours.
      for (const { key, uploaded } of page.objects)
        if (isBlockName(key)) found.push({ name: key, createdMs: uploaded.getTime() })
      if (!page.truncated || page.cursor === undefined) return found
      from = { cursor: page.cursor }
    }
  }

  #again<Result>(work: () => Promise<Result>): Promise<Result> {
    return withTries(
      () => true,
      () => within(this.#timeoutMs, work),
    )
  }
}

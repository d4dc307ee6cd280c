// Writing a file of an export into a bucket, whichever protocol it speaks: one that is short at once, a long one in parts. What is
// not completed is aborted, and then there is nothing.

import type { ExportFiles, ExportFilesKind, WrittenFile } from '../../log/export/export-files.ts'
import { firstOf, objectKey, partsOf } from './parts.ts'

/** An upload that is under way. `Part`: what the bucket says of one, and wants to hear at the end. */
export type Upload<Part> = {
  part(number: number, content: Uint8Array): Promise<Part>
  complete(parts: Part[]): Promise<void>
  abort(): Promise<void>
}

/** Every method may be called again after it failed. */
export type UploadBucket<Part> = {
  put(key: string, content: Uint8Array, contentType: string): Promise<void>
  remove(key: string): Promise<void>
  begin(key: string, contentType: string): Promise<Upload<Part>>
}

export class BucketExportFiles<Part> implements ExportFiles {
  readonly kind: ExportFilesKind
  readonly #bucket: UploadBucket<Part>
  readonly #partBytes: number | undefined

  constructor(
    kind: ExportFilesKind,
    bucket: UploadBucket<Part>,
    { partBytes }: { partBytes?: number | undefined } = {},
  ) {
    this.kind = kind
    this.#bucket = bucket
    this.#partBytes = partBytes
  }

  async write(name: string, content: AsyncIterable<Uint8Array>, contentType: string): Promise<WrittenFile> {
    const key = objectKey(name)
    const parts = partsOf(content, this.#partBytes)
    const { first, second } = await firstOf(parts)
    if (second === null) {
      await this.#orNothing(key, () => this.#bucket.put(key, first, contentType))
      return { key, bytes: first.length }
    }
    const upload = await this.#bucket.begin(key, contentType)
    const sent: Part[] = []
    let bytes = 0
    const send = async (part: Uint8Array) => {
      sent.push(await upload.part(sent.length + 1, part))
      bytes += part.length
    }
    try {
      await send(first)
      await send(second)
      for await (const part of parts) await send(part)
    } catch (error) {
      await upload.abort().catch(() => {})
      throw error
    }
    await this.#orNothing(key, () => upload.complete(sent)).catch(async (error) => {
      await upload.abort().catch(() => {})
      throw error
    })
    return { key, bytes }
  }

  /** After an answer that was lost it may be there all the same: what is told to have failed is to leave nothing. */
  async #orNothing(key: string, work: () => Promise<void>): Promise<void> {
    try {
      await work()
    } catch (error) {
      await this.#bucket.remove(key).catch(() => {})
      throw error
    }
  }
}

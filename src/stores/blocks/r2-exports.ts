// Files of exports in an R2 bucket that is bound to the Worker.

import { PART_TIMEOUT_MS } from './limits.ts'
import { BucketExportFiles, type UploadBucket } from './multipart.ts'
import type { Bucket } from './r2.ts'
import { withTries } from './tries.ts'
import { within } from './within.ts'

type Uploaded = { partNumber: number; etag: string }
type HttpMetadata = { httpMetadata: { contentType: string } }

/** What is used of an R2Bucket, besides what blocks need. */
export type ExportBucket = Pick<Bucket, 'delete'> & {
  put(key: string, content: Uint8Array, options: HttpMetadata): Promise<object | null>
  createMultipartUpload(
    key: string,
    options: HttpMetadata,
  ): Promise<{
    uploadPart(number: number, content: Uint8Array): Promise<Uploaded>
    complete(parts: Uploaded[]): Promise<object>
    abort(): Promise<void>
  }>
}

export const r2ExportFiles = (
  bucket: ExportBucket,
  { timeoutMs = PART_TIMEOUT_MS, partBytes }: { timeoutMs?: number; partBytes?: number } = {},
): BucketExportFiles<Uploaded> => {
  const again = <Result>(work: () => Promise<Result>): Promise<Result> =>
    withTries(
      () => true,
      () => within(timeoutMs, work),
    )
  const options = (contentType: string): HttpMetadata => ({ httpMetadata: { contentType } })
  const uploads: UploadBucket<Uploaded> = {
    put: async (key, content, contentType) => {
      await again(() => bucket.put(key, content, options(contentType)))
    },
    remove: (key) => again(() => bucket.delete([key])),
    begin: async (key, contentType) => {
      const upload = await again(() => bucket.createMultipartUpload(key, options(contentType)))
      return {
        part: (number, content) => again(() => upload.uploadPart(number, content)),
        // Once only: of an upload that is completed, a second try hears that there is none.
        complete: async (parts) => {
          await within(timeoutMs, () => upload.complete(parts))
        },
        abort: () => again(() => upload.abort()),
      }
    },
  }
  return new BucketExportFiles('r2', uploads, { partBytes })
}

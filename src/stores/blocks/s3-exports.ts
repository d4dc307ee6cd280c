// Files of exports in a bucket of S3, or of what speaks its protocol.

import { PART_TIMEOUT_MS } from './limits.ts'
import { BucketExportFiles, type UploadBucket } from './multipart.ts'
import { outOfReach } from './out-of-reach.ts'
import { isBusy, type S3Options, type S3Request, S3Requests, storeFailure, textOf } from './s3-requests.ts'
import { readUpload, readUploadId } from './s3-xml.ts'
import { withTries } from './tries.ts'

type Uploaded = { number: number; etag: string }

export function s3ExportFiles({
  partBytes,
  ...options
}: S3Options & { partBytes?: number }): BucketExportFiles<Uploaded> {
  const requests = new S3Requests({ timeoutMs: PART_TIMEOUT_MS, ...options })
  const send = async (request: S3Request) => {
    try {
      return await withTries(isBusy, () => requests.send(request))
    } catch (error) {
      throw storeFailure(error)
    }
  }
  const uploads: UploadBucket<Uploaded> = {
    put: async (key, body, contentType) => {
      await send({ method: 'PUT', key, body, headers: { 'content-type': contentType } })
    },
    remove: async (key) => {
      await send({ method: 'DELETE', key })
    },
    begin: async (key, contentType) => {
      const begun = await send({
        ...{ method: 'POST', key, query: { uploads: '' } },
        headers: { 'content-type': contentType },
      })
      const uploadId = understood(() => readUploadId(textOf(begun.body)))
      return {
        part: async (number, body) => {
          const query = { partNumber: String(number), uploadId }
          const { headers } = await send({ method: 'PUT', key, query, body })
          const etag = headers.get('etag')
          if (etag === null) throw outOfReach(`PUT ${key}, part ${number}: the answer has no ETag`)
          return { number, etag }
        },
        // An answer of 200 may say, in its body, that it failed after all.
        complete: async (parts) => {
          const body = new TextEncoder().encode(completion(parts))
          const answer = await send({
            ...{ method: 'POST', key, query: { uploadId }, body },
            headers: { 'content-type': 'application/xml' },
          })
          understood(() => readUpload(textOf(answer.body)))
        },
        abort: async () => {
          await send({ method: 'DELETE', key, query: { uploadId } })
        },
      }
    },
  }
  return new BucketExportFiles('s3', uploads, { partBytes })
}

const completion = (parts: Uploaded[]): string =>
  `<CompleteMultipartUpload xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${parts
    .map(({ number, etag }) => `<Part><PartNumber>${number}</PartNumber><ETag>${escaped(etag)}</ETag></Part>`)
    .join('')}</CompleteMultipartUpload>`

const escaped = (text: string): string =>
  text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`)

function understood<Read>(read: () => Read): Read {
  try {
    return read()
  } catch (error) {
    throw outOfReach(error)
  }
}

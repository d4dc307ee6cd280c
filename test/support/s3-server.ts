// An S3 of our own for tests, in memory: signatures are checked, conditions kept, lists cut into pages. It can be told to
// fail as services do.

import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Account, refusal, type Signed } from './s3-signature.ts'

type Stored = { content: Buffer; etag: string; modified: string }
type Answer = { status: number; body?: string | Buffer; headers?: Record<string, string> }
type Asked = Signed & { key: string; body: Buffer }

/**
 * lose_reply: it is done, and the connection breaks; hang: nothing is done or said; an Answer: nothing is done, and this is
 * said.
 */
export type S3Fault = 'lose_reply' | 'hang' | Answer

export type S3Server = {
  endpoint: string
  account: Account
  bucket: string
  objects: Map<string, Stored>
  /** Uploads in parts that are neither completed nor aborted, by their ids. */
  uploads: Map<string, { key: string; parts: Map<number, Buffer> }>
  /** Every request, as `METHOD key`. */
  seen: string[]
  /** A condition's header that it takes and does not look at. */
  ignored: 'if-match' | 'if-none-match' | null
  /** Asked before each request. */
  fault: (method: string, key: string) => S3Fault | undefined
  close(): Promise<void>
}

const PAGE = 1_000
const SKEW_MS = 15 * 60_000

export async function startS3Server(): Promise<S3Server> {
  const objects = new Map<string, Stored>()
  const http = createServer((request, response) => {
    serve(server, request, response).catch((error: Error) => {
      if (!response.headersSent) send(response, failure(500, 'InternalError', error.message))
      else response.destroy()
    })
  })
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
  const server: S3Server = {
    endpoint: `http://127.0.0.1:${(http.address() as AddressInfo).port}`,
    account: {
      accessKeyId: 'TESTKEYID',
      secretAccessKey: `secret/+${crypto.randomUUID()}`,
      region: 'eu-test-1',
    },
    bucket: 'test-log',
    objects,
    uploads: new Map(),
    seen: [],
    ignored: null,
    fault: () => undefined,
    close: () =>
      new Promise((resolve) => {
        http.close(() => resolve())
        http.closeAllConnections()
      }),
  }
  return server
}

async function serve(server: S3Server, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  const url = new URL(request.url!, server.endpoint)
  const path = decodeURIComponent(url.pathname)
  const [, bucket, ...key] = path.split('/')
  const asked: Asked = {
    method: request.method!,
    path,
    query: [...url.searchParams],
    headers: request.headers,
    key: key.join('/'),
    body: Buffer.concat(chunks),
  }
  server.seen.push(`${asked.method} ${asked.key}`)
  const fault = server.fault(asked.method, asked.key)
  if (fault === 'hang') return
  if (typeof fault === 'object') return send(response, fault)
  const answer =
    refused(server, asked) ??
    (bucket === server.bucket
      ? answered(server, asked)
      : failure(404, 'NoSuchBucket', 'The specified bucket does not exist'))
  if (fault === 'lose_reply') response.destroy()
  else send(response, answer)
}

function refused({ account }: S3Server, asked: Asked): Answer | null {
  const given = String(asked.headers['x-amz-content-sha256'])
  if (given !== createHash('sha256').update(asked.body).digest('hex'))
    return failure(400, 'XAmzContentSHA256Mismatch', 'The provided SHA-256 does not match what was computed')
  const date = String(asked.headers['x-amz-date']).replace(
    /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/,
    '$1-$2-$3T$4:$5:$6Z',
  )
  if (!(Math.abs(Date.parse(date) - Date.now()) < SKEW_MS))
    return failure(403, 'RequestTimeTooSkewed', 'The difference between the times is too large')
  const reason = refusal(asked, account)
  return reason === null ? null : failure(403, reason, 'The request is not signed as it should be')
}

/** Nothing in it waits: one request after another. */
function answered(server: S3Server, { method, key, query, headers: sent, body }: Asked): Answer {
  const { objects, ignored } = server
  const headers = { ...sent, ...(ignored !== null && { [ignored]: undefined }) }
  const found = objects.get(key)
  const missing = failure(404, 'NoSuchKey', 'The specified key does not exist.')
  const inParts = ofUpload(server, { method, key, query, body })
  if (inParts !== null) return inParts
  if (method === 'GET' && key === '') return listed(objects, new Map(query))
  if (method === 'GET') {
    if (found === undefined) return missing
    return {
      status: 200,
      body: found.content,
      headers: { etag: found.etag, 'last-modified': found.modified },
    }
  }
  if (method === 'DELETE') {
    objects.delete(key)
    return { status: 204 }
  }
  if (method !== 'PUT' || key === '') return failure(405, 'MethodNotAllowed', 'It is not allowed')
  const unmet = failure(412, 'PreconditionFailed', 'At least one of the preconditions did not hold')
  if (headers['if-none-match'] === '*' && found !== undefined) return unmet
  if (headers['if-match'] !== undefined) {
    if (found === undefined) return missing
    if (headers['if-match'] !== found.etag) return unmet
  }
  const etag = etagOf(body)
  objects.set(key, { content: body, etag, modified: new Date().toISOString() })
  return { status: 200, headers: { etag } }
}

/** What is about an upload in parts; null: nothing is. */
function ofUpload(
  { uploads, objects }: S3Server,
  { method, key, query, body }: Pick<Asked, 'method' | 'key' | 'query' | 'body'>,
): Answer | null {
  const asked = new Map(query)
  if (method === 'POST' && asked.has('uploads')) {
    const id = crypto.randomUUID()
    uploads.set(id, { key, parts: new Map() })
    return xml(
      200,
      `<InitiateMultipartUploadResult><Bucket>b</Bucket><Key>${escaped(key)}</Key><UploadId>${id}</UploadId></InitiateMultipartUploadResult>`,
    )
  }
  const id = asked.get('uploadId')
  if (id === undefined) return null
  const upload = uploads.get(id)
  if (upload === undefined || upload.key !== key)
    return failure(404, 'NoSuchUpload', 'The specified upload does not exist.')
  if (method === 'PUT') {
    upload.parts.set(Number(asked.get('partNumber')), body)
    return { status: 200, headers: { etag: etagOf(body) } }
  }
  uploads.delete(id)
  if (method === 'DELETE') return { status: 204 }
  const named = [...body.toString().matchAll(/<PartNumber>(\d+)<\/PartNumber><ETag>([^<]*)<\/ETag>/g)]
  const parts = named.map(([, number, etag]) => ({ content: upload.parts.get(Number(number)), etag }))
  const wrong = parts.some(({ content, etag }) => content === undefined || escaped(etagOf(content)) !== etag)
  // As S3 has it: 200, and in the body that it failed.
  if (wrong || parts.length !== upload.parts.size)
    return { ...failure(400, 'InvalidPart', 'A part could not be found'), status: 200 }
  const content = Buffer.concat(parts.map((part) => part.content!))
  objects.set(key, { content, etag: etagOf(content), modified: new Date().toISOString() })
  return xml(200, '<CompleteMultipartUploadResult><Bucket>b</Bucket></CompleteMultipartUploadResult>')
}

const etagOf = (content: Buffer): string => `"${createHash('md5').update(content).digest('hex')}"`

function listed(objects: Map<string, Stored>, query: Map<string, string>): Answer {
  if (query.get('list-type') !== '2') return failure(400, 'InvalidArgument', 'It is the second version only')
  const token = query.get('continuation-token')
  const after =
    token === undefined ? (query.get('start-after') ?? '') : Buffer.from(token, 'base64').toString()
  const most = Math.min(Number(query.get('max-keys') ?? PAGE), PAGE)
  const behind = [...objects.keys()].filter((key) => key > after).sort()
  const page = behind.slice(0, most)
  const contents = page.map((key) => {
    const { modified, etag, content } = objects.get(key)!
    return `<Contents><Key>${escaped(key)}</Key><LastModified>${modified}</LastModified><ETag>${escaped(etag)}</ETag><Size>${content.length}</Size><StorageClass>STANDARD</StorageClass></Contents>`
  })
  const next =
    behind.length > page.length
      ? `<IsTruncated>true</IsTruncated><NextContinuationToken>${Buffer.from(page.at(-1)!).toString('base64')}</NextContinuationToken>`
      : '<IsTruncated>false</IsTruncated>'
  return xml(
    200,
    `<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>b</Name><Prefix/><KeyCount>${page.length}</KeyCount><MaxKeys>${most}</MaxKeys>${next}${contents.join('')}</ListBucketResult>`,
  )
}

const escaped = (text: string): string =>
  text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`)

const xml = (status: number, root: string): Answer => ({
  status,
  body: `<?xml version="1.0" encoding="UTF-8"?>\n${root}`,
  headers: { 'content-type': 'application/xml' },
})

export const failure = (status: number, code: string, message: string): Answer =>
  xml(status, `<Error><Code>${code}</Code><Message>${message}</Message><RequestId>1</RequestId></Error>`)

function send(response: ServerResponse, { status, body, headers }: Answer): void {
  response.writeHead(status, headers).end(body)
}

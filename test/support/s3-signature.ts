// AWS Signature Version 4 as a server checks it, written from its description: what a client computes is computed here by
// other code.

import { createHash, createHmac } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'

export type Signed = { method: string; path: string; query: [string, string][]; headers: IncomingHttpHeaders }

export type Account = { accessKeyId: string; secretAccessKey: string; region: string }

const sha256 = (content: string): string => createHash('sha256').update(content).digest('hex')
const hmac = (key: string | Buffer, content: string): Buffer =>
  createHmac('sha256', key).update(content).digest()

/** Everything but A-Z, a-z, 0-9, `-`, `.`, `_` and `~`. */
export const encoded = (text: string): string =>
  [...Buffer.from(text)]
    .map((byte) => {
      const character = String.fromCharCode(byte)
      return /[A-Za-z0-9._~-]/.test(character)
        ? character
        : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
    })
    .join('')

const AUTHORIZATION =
  /^AWS4-HMAC-SHA256 Credential=([^/,]+)\/(\d{8})\/([^/,]+)\/s3\/aws4_request, ?SignedHeaders=([a-z0-9;-]+), ?Signature=([0-9a-f]{64})$/

/** Why a request is refused, in S3's words; null if its signature is right. `path`: not encoded. */
export function refusal({ method, path, query, headers }: Signed, account: Account): string | null {
  const given = AUTHORIZATION.exec(String(headers.authorization))
  if (given === null) return 'AccessDenied'
  const [, id, day, region, names, signature] = given as unknown as string[]
  if (id !== account.accessKeyId) return 'InvalidAccessKeyId'
  if (region !== account.region) return 'AuthorizationHeaderMalformed'
  const at = String(headers['x-amz-date'])
  if (at.slice(0, 8) !== day) return 'AccessDenied'
  const signed = names!.split(';')
  const mustBeSigned = ['host', ...Object.keys(headers).filter((name) => name.startsWith('x-amz-'))]
  if (mustBeSigned.some((name) => !signed.includes(name))) return 'AccessDenied'
  const canonical = [
    method,
    path.split('/').map(encoded).join('/'),
    query
      .map(([name, value]) => `${encoded(name)}=${encoded(value)}`)
      .sort()
      .join('&'),
    ...signed.map((name) => `${name}:${String(headers[name]).trim().replace(/ +/g, ' ')}`),
    '',
    signed.join(';'),
    String(headers['x-amz-content-sha256']),
  ].join('\n')
  const scope = `${day}/${region}/s3/aws4_request`
  const key = ['s3', 'aws4_request'].reduce(
    hmac as (key: Buffer, part: string) => Buffer,
    hmac(hmac(`AWS4${account.secretAccessKey}`, day!), region!),
  )
  const expected = hmac(key, ['AWS4-HMAC-SHA256', at, scope, sha256(canonical)].join('\n')).toString('hex')
  return expected === signature ? null : 'SignatureDoesNotMatch'
}

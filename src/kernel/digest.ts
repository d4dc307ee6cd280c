// SHA-256, cut to what a key needs, and bytes derived with it. node:crypto is native both in Node and in Workers, and synchronous, which WebCrypto is not.

import { hash, hkdfSync, timingSafeEqual } from 'node:crypto'

/** 128 bits of SHA-256 as 22 base64url characters: short enough for a key, too long to find two texts that share it. */
export const digest128 = (content: string | Uint8Array): string =>
  hash('sha256', content, 'base64url').slice(0, 22)

/** SHA-256 in full, as hex. */
export const sha256Hex = (content: string | Uint8Array): string => hash('sha256', content, 'hex')

/** Whether two secrets are the same, in a time that doesn't tell where they differ. */
export const sameSecret = (a: string, b: string): boolean =>
  timingSafeEqual(Buffer.from(sha256Hex(a)), Buffer.from(sha256Hex(b)))

/** HKDF (RFC 5869): bytes that nobody can tell without the secret, others for each salt and purpose. */
export const derivedBytes = (
  secret: string,
  salt: string,
  purpose: string,
  length: number,
): Uint8Array<ArrayBuffer> => new Uint8Array(hkdfSync('sha256', secret, salt, purpose, length))

/** 64 bits of SHA-256 as a signed number, as text: for an index, which may find too much but never too little. */
export const hash64 = (content: string): string => String(hash('sha256', content, 'buffer').readBigInt64BE(0))

/** 32 bits, signed, for the same where there are many: FNV-1a over UTF-16 units, mixed as MurmurHash3 ends. */
export function hash32(content: string): number {
  let h = 0x811c9dc5
  for (let i = 0; i < content.length; i++) h = Math.imul(h ^ content.charCodeAt(i), 0x01000193)
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) | 0
}

import { sha256Hex } from './digest.ts'

/** A new random id (UUID v4). */
export const newId = (): string => crypto.randomUUID()

export type NewId = typeof newId

export const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

/** Of 12 characters of a-z and 0-9, 62 bits: as random as what it is made from, and the same again where that is. */
export const newShortId = (from: NewId): string =>
  (BigInt(`0x${sha256Hex(from())}`) % SHORT_IDS).toString(36).padStart(SHORT_ID_CHARS, '0')

const SHORT_ID_CHARS = 12
const SHORT_IDS = 36n ** BigInt(SHORT_ID_CHARS)

/** Makes ids (UUID v8) that come again, in the same order, from the same seed. */
export function idsFrom(seed: string): NewId {
  let made = 0
  return () => uuidOf(sha256Hex(`${seed} ${made++}`))
}

const uuidOf = (hex: string): string =>
  [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `8${hex.slice(13, 16)}`,
    `${'89ab'[Number.parseInt(hex[16]!, 16) % 4]}${hex.slice(17, 20)}`,
    hex.slice(20, 32),
  ].join('-')

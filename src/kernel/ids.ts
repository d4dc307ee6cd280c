import { sha256Hex } from './digest.ts'

/** A new random id (UUID v4). */
export const newId = (): string => crypto.randomUUID()

export type NewId = typeof newId

export const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

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

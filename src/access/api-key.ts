// API keys: `tg_`, 32 random base62 characters (190 bits), and the CRC-32 of those in 6 more. The prefix lets secret
// scanners find a leaked key, the checksum tells a mistyped one without a look into Postgres (it is no secret).

const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const BASE = 62
const RANDOM_CHARS = 32
const CHECKSUM_CHARS = 6
/** The largest multiple of 62 that a byte holds: bytes from here up would make some characters likelier than others. */
const UNBIASED_BELOW = 248

export const KEY_PREFIX = 'tg_'
const SHAPE = new RegExp(`^${KEY_PREFIX}[0-9A-Za-z]{${RANDOM_CHARS + CHECKSUM_CHARS}}$`)

export type ApiKey = {
  id: string
  tenantId: string
  name: string
  /** the last four characters */
  hint: string
  createdAt: Date
  revokedAt: Date | null
}

/** Fills the array with random bytes. */
export type FillRandom = (bytes: Uint8Array<ArrayBuffer>) => unknown

export function makeKey(fillRandom: FillRandom = (bytes) => crypto.getRandomValues(bytes)): string {
  let random = ''
  const bytes = new Uint8Array(RANDOM_CHARS)
  while (random.length < RANDOM_CHARS) {
    fillRandom(bytes)
    for (const byte of bytes) {
      if (byte < UNBIASED_BELOW && random.length < RANDOM_CHARS) random += ALPHABET[byte % BASE]
    }
  }
  return KEY_PREFIX + random + checksum(random)
}

/** Whether the text can be a key: its shape and its checksum. Says nothing of whether it is known. */
export function looksLikeKey(text: string): boolean {
  if (!SHAPE.test(text)) return false
  const end = KEY_PREFIX.length + RANDOM_CHARS
  return checksum(text.slice(KEY_PREFIX.length, end)) === text.slice(end)
}

/** What is shown of a key in a list. */
export const hintOf = (key: string): string => key.slice(-4)

function checksum(random: string): string {
  let rest = crc32(random)
  let encoded = ''
  for (let i = 0; i < CHECKSUM_CHARS; i++) {
    encoded = ALPHABET[rest % BASE] + encoded
    rest = Math.floor(rest / BASE)
  }
  return encoded
}

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1
  return crc
})

/** CRC-32 (IEEE 802.3) of ASCII text. */
function crc32(ascii: string): number {
  let crc = 0xffffffff
  for (let i = 0; i < ascii.length; i++) crc = CRC_TABLE[(crc ^ ascii.charCodeAt(i)) & 0xff]! ^ (crc >>> 8)
  return (crc ^ 0xffffffff) >>> 0
}

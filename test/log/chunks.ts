// Bytes in pieces of any size, and what is made of them as a whole.

import fc from 'fast-check'

export const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text)

export async function* piecesOf(bytes: Uint8Array, sizes: readonly number[]): AsyncGenerator<Uint8Array> {
  let at = 0
  for (let i = 0; at < bytes.length; i++) {
    const size = sizes.length === 0 ? bytes.length : sizes[i % sizes.length]!
    // In one buffer that is used again, as some sources do.
    const piece = bytes.slice(at, at + size)
    yield piece
    piece.fill(0x22)
    at += size
  }
}

/** Sizes of pieces, in turn; none: all at once. */
export const anySizes = fc.array(fc.integer({ min: 1, max: 9 }), { maxLength: 5 })

export async function all<T>(batches: AsyncIterable<T[]>): Promise<T[]> {
  const items: T[] = []
  for await (const batch of batches) items.push(...batch)
  return items
}

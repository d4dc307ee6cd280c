// Files of exports, cut into parts of one length, as buckets take them: all but the last, which is what is left.

import { isNamePart } from './block-name.ts'
import { EXPORT_NAME_CHARS, PART_BYTES } from './limits.ts'

/** Each part is a buffer of its own; at least one comes, of an empty file an empty one. */
export async function* partsOf(
  content: AsyncIterable<Uint8Array>,
  partBytes = PART_BYTES,
): AsyncGenerator<Uint8Array> {
  let part = new Uint8Array(partBytes)
  let length = 0
  for await (let chunk of content) {
    while (chunk.length > 0) {
      // Only when more comes: the last one is never empty.
      if (length === partBytes) {
        yield part
        part = new Uint8Array(partBytes)
        length = 0
      }
      const taken = chunk.subarray(0, partBytes - length)
      part.set(taken, length)
      length += taken.length
      chunk = chunk.subarray(taken.length)
    }
  }
  yield part.subarray(0, length)
}

/** A name for files of exports: parts that a block's name could have. */
export function checkFileName(name: string): string {
  if (name.length <= EXPORT_NAME_CHARS && name.split('/').every(isNamePart)) return name
  throw new RangeError(`No file of an export is named ${JSON.stringify(name)}`)
}

/** In a bucket: four parts and more, where a block's name has three. */
export const objectKey = (name: string): string => `exports/${checkFileName(name)}`

/** The parts, and whether there is more than one. */
export async function firstOf(
  parts: AsyncGenerator<Uint8Array>,
): Promise<{ first: Uint8Array; second: Uint8Array | null }> {
  const { value: first } = (await parts.next()) as { value: Uint8Array }
  const next = await parts.next()
  return { first, second: next.done ? null : next.value }
}

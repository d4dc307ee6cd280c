// What a block's name may be: three parts that every store can hold, none of which leads out of a folder.

import type { NewBlock } from '../../log/block-store.ts'
import { BLOCK_BYTES, BLOCK_NAME_CHARS, BLOCK_NAME_PART_CHARS } from './limits.ts'

const PART = /^[A-Za-z0-9._-]+$/

/** Names are made by us: another one is a mistake in the code, or a stored name that somebody else put there. */
export function checkName(name: string): string {
  if (!isBlockName(name))
    throw new RangeError(
      `A block’s name has to be segment/tenant/part-digest, and is ${JSON.stringify(name)}`,
    )
  return name
}

export function isBlockName(name: string): boolean {
  if (name.length > BLOCK_NAME_CHARS) return false
  const parts = name.split('/')
  return parts.length === 3 && parts.every(isNamePart)
}

export const isNamePart = (part: string): boolean =>
  part.length <= BLOCK_NAME_PART_CHARS && PART.test(part) && part !== '.' && part !== '..'

/** Where a list goes on: a name, the beginning of one, or nothing. */
export function checkAfter(after: string): string {
  if (after.length > BLOCK_NAME_CHARS || !/^[A-Za-z0-9._/-]*$/.test(after))
    throw new RangeError(`No block’s name begins with ${JSON.stringify(after)}`)
  return after
}

export function checkContent(content: Uint8Array): Uint8Array {
  if (content.length > BLOCK_BYTES)
    throw new RangeError(`A block may have ${BLOCK_BYTES} bytes, and has ${content.length}`)
  return content
}

export function checkBlocks(blocks: NewBlock[]): void {
  for (const { name, content } of blocks) {
    checkName(name)
    checkContent(content)
  }
}

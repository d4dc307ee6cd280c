// The append-only file as bytes: a header, and frames. A frame is what one write puts there, whole or not at all.
//
//   file    "TGAOF001", salt (4 bytes), checksum of both
//   frame   "TGAF", kind (1 byte) and three zeros, number, length of the content, checksum of the content, checksum of all this
//
// The next frame is written when the one before it is on the disk. So a crash can leave only the last one torn: it was never
// acknowledged, and is cut off. A frame that is wrong with others behind it was on the disk once, and has been damaged since.

import type { FileHandle } from 'node:fs/promises'
import { crc32 } from 'node:zlib'

const FILE_MAGIC = Buffer.from('TGAOF001')
const FRAME_MAGIC = Buffer.from('TGAF')
export const FILE_HEADER_BYTES = 16
export const FRAME_HEADER_BYTES = 24
const READ_BYTES = 1 << 20

/** `base`: what everything was when the file was written anew. `appended`: what has changed since. */
export type FrameKind = 'base' | 'appended'
const KINDS: FrameKind[] = ['base', 'appended']

export function fileHeader(salt: number): Buffer {
  const header = Buffer.alloc(FILE_HEADER_BYTES)
  FILE_MAGIC.copy(header)
  header.writeUInt32LE(salt, 8)
  header.writeUInt32LE(crc32(header.subarray(0, 12)), 12)
  return header
}

/** `salt`: of the file. Nobody who has not seen it can put into an event what looks like a frame. */
export function frame(salt: number, number: number, kind: FrameKind, content: Buffer[]): Buffer {
  const bytes = Buffer.concat([Buffer.alloc(FRAME_HEADER_BYTES), ...content])
  FRAME_MAGIC.copy(bytes)
  bytes[4] = KINDS.indexOf(kind)
  bytes.writeUInt32LE(number, 8)
  bytes.writeUInt32LE(bytes.length - FRAME_HEADER_BYTES, 12)
  bytes.writeUInt32LE(crc32(bytes.subarray(FRAME_HEADER_BYTES)), 16)
  bytes.writeUInt32LE(crc32(bytes.subarray(0, 20), salt), 20)
  return bytes
}

type FrameHeader = { kind: FrameKind; number: number; length: number; checksum: number }

function frameHeader(salt: number, bytes: Buffer): FrameHeader | null {
  if (bytes.length < FRAME_HEADER_BYTES || !bytes.subarray(0, 4).equals(FRAME_MAGIC)) return null
  if (bytes.readUInt32LE(20) !== crc32(bytes.subarray(0, 20), salt)) return null
  const kind = KINDS[bytes[4]!]
  if (kind === undefined) return null
  return {
    kind,
    number: bytes.readUInt32LE(8),
    length: bytes.readUInt32LE(12),
    checksum: bytes.readUInt32LE(16),
  }
}

export type ReadFile = {
  salt: number
  /** of the next frame */
  number: number
  /** where the last whole frame ends */
  end: number
  /** where the base ends */
  baseEnd: number
  /** behind `end`, of a frame that was not written to its end */
  tornBytes: number
}

/** What is wrong with the file that is no torn end. */
export class Damaged extends Error {}

/** Gives the content of each frame to `take`, in order. Throws Damaged. */
export async function readFrames(handle: FileHandle, take: (content: Buffer) => void): Promise<ReadFile> {
  const { size } = await handle.stat()
  const head = await bytesAt(handle, 0, FILE_HEADER_BYTES)
  const salt = head.length === FILE_HEADER_BYTES ? head.readUInt32LE(8) : 0
  if (!head.equals(fileHeader(salt))) throw new Damaged('its first 16 bytes are not those of such a file')
  const read: ReadFile = {
    salt,
    number: 0,
    end: FILE_HEADER_BYTES,
    baseEnd: FILE_HEADER_BYTES,
    tornBytes: 0,
  }
  while (read.end < size) {
    const header = frameHeader(salt, await bytesAt(handle, read.end, FRAME_HEADER_BYTES))
    if (header === null) {
      const next = await frameBehind(handle, salt, read)
      if (next !== null) throw new Damaged(`there is no frame at byte ${read.end}, but one at byte ${next}`)
      break
    }
    if (header.number !== read.number)
      throw new Damaged(`at byte ${read.end} is frame ${header.number}, but it must be ${read.number}`)
    const contentEnd = read.end + FRAME_HEADER_BYTES + header.length
    if (contentEnd > size) break
    const content = await bytesAt(handle, read.end + FRAME_HEADER_BYTES, header.length)
    if (crc32(content) !== header.checksum) {
      if (contentEnd === size) break
      throw new Damaged(`the frame at byte ${read.end} is not what was written there`)
    }
    take(content)
    read.number++
    read.end = contentEnd
    if (header.kind === 'base') read.baseEnd = contentEnd
  }
  read.tornBytes = size - read.end
  return read
}

/** A frame somewhere behind `end`: then what is at `end` had been on the disk before it. */
async function frameBehind(
  handle: FileHandle,
  salt: number,
  { end, number }: ReadFile,
): Promise<number | null> {
  for (let from = end + 1; ; from += READ_BYTES) {
    const bytes = await bytesAt(handle, from, READ_BYTES + FRAME_HEADER_BYTES - 1)
    for (let at = bytes.indexOf(FRAME_MAGIC); at >= 0; at = bytes.indexOf(FRAME_MAGIC, at + 1)) {
      const header = frameHeader(salt, bytes.subarray(at, at + FRAME_HEADER_BYTES))
      if (header !== null && header.number > number) return from + at
    }
    if (bytes.length < READ_BYTES) return null
  }
}

/** Fewer at the end of the file. */
async function bytesAt(handle: FileHandle, position: number, length: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafeSlow(length)
  let filled = 0
  while (filled < length) {
    const { bytesRead } = await handle.read(bytes, filled, length - filled, position + filled)
    if (bytesRead === 0) break
    filled += bytesRead
  }
  return bytes.subarray(0, filled)
}

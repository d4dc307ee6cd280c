// The few calls that put the append-only file on the disk. A test has its own, which stops, fails or remembers at each of them.

import { constants } from 'node:fs'
import { type FileHandle, open, rename } from 'node:fs/promises'
import { dirname } from 'node:path'

export type Disk = {
  create(file: string): Promise<FileHandle>
  write(handle: FileHandle, bytes: Buffer, position: number): Promise<void>
  sync(handle: FileHandle): Promise<void>
  rename(from: string, to: string): Promise<void>
  /** A rename or removal is certain to survive a power cut only after this. */
  syncFolder(file: string): Promise<void>
}

/** What a system says whose folders can't be synced, or needn't be. */
const CANT_SYNC = new Set(['EINVAL', 'ENOTSUP', 'EPERM'])

export const realDisk: Disk = {
  create: (file) => open(file, constants.O_CREAT | constants.O_TRUNC | constants.O_RDWR, 0o600),
  async write(handle, bytes, position) {
    for (let written = 0; written < bytes.length; ) {
      const { bytesWritten } = await handle.write(bytes, written, bytes.length - written, position + written)
      written += bytesWritten
    }
  },
  sync: (handle) => handle.datasync(),
  rename,
  async syncFolder(file) {
    if (process.platform === 'win32') return
    const folder = await open(dirname(file))
    try {
      await folder.sync()
    } catch (error) {
      if (!CANT_SYNC.has((error as NodeJS.ErrnoException).code ?? '')) throw error
    } finally {
      await folder.close()
    }
  },
}

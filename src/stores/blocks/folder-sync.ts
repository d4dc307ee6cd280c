// A folder's files and names, as the disk has them.

import { open } from 'node:fs/promises'

/** null for a file or folder that is not there any more. */
export async function unlessGone<Result>(work: Promise<Result>): Promise<Result | null> {
  try {
    return await work
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
}

/** Brings a folder's names to the disk; Windows keeps them by itself, and opens no folder. */
export async function sync(folder: string): Promise<void> {
  if (process.platform === 'win32') return
  const opened = await unlessGone(open(folder, 'r'))
  if (opened === null) return
  try {
    await opened.sync()
  } finally {
    await opened.close()
  }
}

// Files of exports in the folder of the blocks, on Node: written aside, brought to the disk, and given their name at the end. They
// are in a folder of their own, whose name no block's folder can have.

import { mkdir, open, rename, unlink } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { TollgateError } from '../../kernel/errors.ts'
import type { ExportFiles, WrittenFile } from '../../log/export/export-files.ts'
import { draftsIn } from './folder.ts'
import { sync } from './folder-sync.ts'
import { outOfReach } from './out-of-reach.ts'
import { checkFileName } from './parts.ts'

const EXPORTS = '~exports'

export class FolderExportFiles implements ExportFiles {
  readonly kind = 'folder'
  readonly #root: string

  /** `folder`: that of the blocks, which is opened. */
  constructor(folder: string) {
    this.#root = resolve(folder)
  }

  async write(name: string, content: AsyncIterable<Uint8Array>): Promise<WrittenFile> {
    const key = `${EXPORTS}/${checkFileName(name)}`
    const target = join(this.#root, key)
    const draft = join(draftsIn(this.#root), crypto.randomUUID())
    try {
      const bytes = await drafted(draft, content)
      const folder = dirname(target)
      await mkdir(folder, { recursive: true, mode: 0o700 })
      await rename(draft, target)
      for (let one = folder; one.length >= this.#root.length; one = dirname(one)) await sync(one)
      return { key, bytes }
    } catch (error) {
      await unlink(draft).catch(() => {})
      throw isOfSystem(error) ? outOfReach(error) : error
    }
  }
}

async function drafted(draft: string, content: AsyncIterable<Uint8Array>): Promise<number> {
  const file = await open(draft, 'wx', 0o600)
  try {
    let bytes = 0
    for await (const chunk of content) {
      await file.writeFile(chunk)
      bytes += chunk.length
    }
    await file.sync()
    return bytes
  } finally {
    await file.close()
  }
}

const isOfSystem = (error: unknown): boolean =>
  !(error instanceof TollgateError) && (error as NodeJS.ErrnoException).code !== undefined

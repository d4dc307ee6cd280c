// Blocks as files in a folder, on Node. Several processes may use one folder, and each may end at any point: a file is
// written aside, brought to the disk, and linked to its name, which only one can do.

import { access, link, mkdir, open, readdir, rename, rmdir, stat, unlink, utimes } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { digest128 } from '../../kernel/digest.ts'
import { TollgateError } from '../../kernel/errors.ts'
import type { BlockStore, NewBlock, StoredBlock } from '../../log/block-store.ts'
import { atOnce } from './at-once.ts'
import { fileOf, filesAfter, generationsIn, type Place, placeOf } from './block-files.ts'
import { checkAfter, checkBlocks, checkContent, checkName } from './block-name.ts'
import { sync, unlessGone } from './folder-sync.ts'
import { DRAFT_KEPT_MS, FILES_AT_ONCE, FOLDER_LOOKS } from './limits.ts'
import { outOfReach } from './out-of-reach.ts'

type FileBlock = StoredBlock & { generation: number }

/** Opens the store in a folder, which is made if it is missing. */
export async function openFolderBlocks(folder: string): Promise<FolderBlockStore> {
  const root = resolve(folder)
  await mkdir(draftsIn(root), { recursive: true, mode: 0o700 })
  await clearDrafts(draftsIn(root))
  return new FolderBlockStore(root)
}

export class FolderBlockStore implements BlockStore {
  readonly kind = 'folder'
  readonly #root: string

  /** `root`: as openFolderBlocks made it. */
  constructor(root: string) {
    this.#root = root
  }

  async put(blocks: NewBlock[]): Promise<void> {
    checkBlocks(blocks)
    await this.#using(async () => {
      await atOnce(blocks, FILES_AT_ONCE, (block) => this.#make(block))
      const folders = blocks.flatMap(({ name }) => placeOf(this.#root, name).folders)
      // Also for what others made: it may not be on the disk yet.
      await atOnce([...new Set([...folders, this.#root])], FILES_AT_ONCE, sync)
    })
  }

  async get(names: string[]): Promise<(StoredBlock | null)[]> {
    names.forEach(checkName)
    return this.#using(() =>
      atOnce(names, FILES_AT_ONCE, async (name) => {
        const found = await this.#read(placeOf(this.#root, name))
        return found && { content: found.content, version: found.version }
      }),
    )
  }

  /** Of one that is removed at this instant it may leave the new content: nothing names that, as nothing named the old. */
  async replace(name: string, version: string, content: Uint8Array): Promise<boolean> {
    checkName(name)
    checkContent(content)
    const place = placeOf(this.#root, name)
    return this.#using(async () => {
      const seen = await this.#read(place)
      if (seen === null || seen.version !== version) return false
      const made = await this.#asDraft(content, (draft) => linked(draft, fileOf(place, seen.generation + 1)))
      if (made !== 'made') return false
      await this.#emptyBelow(place, seen.generation + 1)
      await sync(place.folder)
      return true
    })
  }

  async remove(names: string[]): Promise<void> {
    names.forEach(checkName)
    await this.#using(async () => {
      const places = names.map((name) => placeOf(this.#root, name))
      await atOnce(places, FILES_AT_ONCE, (place) => this.#removeAll(place))
      // From the innermost on: each that is empty now.
      const folders = new Set(places.flatMap((place) => place.folders))
      for (const folder of [...folders].sort((a, b) => b.length - a.length)) await removeEmpty(folder)
      await atOnce([...folders, this.#root], FILES_AT_ONCE, sync)
    })
  }

  async list(after: string, limit: number): Promise<{ name: string; createdMs: number }[]> {
    checkAfter(after)
    return this.#using(async () => {
      const found: { name: string; createdMs: number }[] = []
      if (limit < 1) return found
      for await (const { name, file } of filesAfter(this.#root, after)) {
        const created = await unlessGone(stat(file))
        if (created !== null) found.push({ name, createdMs: Math.floor(created.mtimeMs) })
        if (found.length === limit) break
      }
      return found
    })
  }

  /** Whatever the system refuses, the folder is out of reach. One that is not mounted has no folder for drafts. */
  async #using<Result>(work: () => Promise<Result>): Promise<Result> {
    try {
      await access(draftsIn(this.#root))
      return await work()
    } catch (error) {
      throw error instanceof TollgateError || codeOf(error) === undefined ? error : outOfReach(error)
    }
  }

  async #make({ name, content }: NewBlock): Promise<void> {
    const place = placeOf(this.#root, name)
    if (await isThere(place)) return
    await this.#asDraft(content, async (draft) => {
      for (let look = 0; look < FOLDER_LOOKS; look++) {
        // Who removes the last block in a folder removes the folder, perhaps between these two.
        if ((await unlessGone(mkdir(place.folder, { recursive: true, mode: 0o700 }))) === null) continue
        if ((await linked(draft, fileOf(place, 0))) !== 'no folder') return
      }
      throw outOfReach(`${place.folder} is removed as often as it is made`)
    })
  }

  /** What is there now; null if there is nothing. A file that goes while it is looked for was replaced or removed. */
  async #read(place: Place): Promise<FileBlock | null> {
    for (let look = 0; look < FOLDER_LOOKS; look++) {
      const generations = (await generationsIn(place.folder)).get(place.part) ?? []
      const generation = generations.at(-1)
      if (generation === undefined) return null
      const file = await unlessGone(open(fileOf(place, generation)))
      if (file === null) continue
      try {
        if (isEmptied(await file.stat())) continue
        const content = new Uint8Array(await file.readFile())
        // Left by a process that ended while it replaced them: what was erased is not to stay.
        if (generations.length > 1) await this.#emptyBelow(place, generation)
        return { content, version: `${generation}-${digest128(content)}`, generation }
      } finally {
        await file.close()
      }
    }
    throw outOfReach(`${place.folder}/${place.part} changes too often to be read`)
  }

  /**
   * Empties what was replaced. Its names stay taken: who saw an old one and comes late finds that the next is there, however
   * often it was replaced since.
   */
  async #emptyBelow(place: Place, generation: number): Promise<void> {
    const generations = (await generationsIn(place.folder)).get(place.part) ?? []
    for (const old of generations) {
      const file = fileOf(place, old)
      const found = old < generation ? await unlessGone(stat(file)) : null
      if (found === null || isEmptied(found)) continue
      await this.#asDraft(new Uint8Array(0), async (draft) => {
        await utimes(draft, 0, 0)
        await rename(draft, file)
        // Removed meanwhile as a whole, before this was there to be removed with it.
        const newest = (await generationsIn(place.folder)).get(place.part)?.at(-1)
        if (newest === old) await unlessGone(unlink(file))
      })
    }
  }

  /** The oldest first: none of what was replaced is to be seen again. Until a look finds nothing that was put there meanwhile. */
  async #removeAll(place: Place): Promise<void> {
    for (let look = 0; look < FOLDER_LOOKS; look++) {
      const generations = (await generationsIn(place.folder)).get(place.part) ?? []
      if (generations.length === 0) return
      for (const generation of generations) await unlessGone(unlink(fileOf(place, generation)))
    }
    throw outOfReach(`${place.folder}/${place.part} is made as often as it is removed`)
  }

  async #asDraft<Result>(content: Uint8Array, use: (draft: string) => Promise<Result>): Promise<Result> {
    const draft = join(draftsIn(this.#root), crypto.randomUUID())
    try {
      const file = await open(draft, 'wx', 0o600)
      try {
        await file.writeFile(content)
        await file.sync()
      } finally {
        await file.close()
      }
      return await use(draft)
    } finally {
      await unlink(draft).catch(() => {})
    }
  }
}

export const draftsIn = (root: string): string => join(root, '~drafts')

/** No block is from 1970. */
const isEmptied = ({ size, mtimeMs }: { size: number; mtimeMs: number }): boolean =>
  size === 0 && mtimeMs === 0

const codeOf = (error: unknown): string | undefined => (error as NodeJS.ErrnoException).code

async function isThere(place: Place): Promise<boolean> {
  return (await generationsIn(place.folder)).has(place.part)
}

async function linked(draft: string, file: string): Promise<'made' | 'there' | 'no folder'> {
  try {
    await link(draft, file)
    return 'made'
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return 'there'
    if (codeOf(error) !== 'ENOENT') throw error
    await access(draft)
    return 'no folder'
  }
}

async function removeEmpty(folder: string): Promise<void> {
  try {
    await rmdir(folder)
  } catch (error) {
    if (!['ENOTEMPTY', 'EEXIST', 'ENOENT'].includes(codeOf(error)!)) throw error
  }
}

async function clearDrafts(drafts: string): Promise<void> {
  for (const name of await readdir(drafts)) {
    const file = join(drafts, name)
    const found = await unlessGone(stat(file))
    if (found === null) continue
    // One that is to empty another is from 1970 until it is in its place, which a process beside this one may be about to do.
    const writtenMs = isEmptied(found) ? found.ctimeMs : found.mtimeMs
    if (writtenMs < Date.now() - DRAFT_KEPT_MS) await unlessGone(unlink(file))
  }
}

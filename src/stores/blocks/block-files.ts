// Where a block stands in a folder: `shard/segment/tenant/part`. A segment's id begins with its time, and a shard holds those
// whose ids begin alike: no folder grows for ever. What was put in a block's place is a file beside it, `part~1`, then
// `part~2`: the highest counts, and that a file can be made only once says who of several replaced it. Those below are
// emptied. `~` is in no name.

import type { Dirent } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { isNamePart } from './block-name.ts'

/** Of times in ms, so many characters are the same for 2.8 hours. */
const SHARD_CHARS = 6

const FILE = /^([^~]+)(?:~([1-9]\d{0,8}))?$/

export type Place = {
  folders: [shard: string, segment: string, tenant: string]
  folder: string
  part: string
}

export function placeOf(root: string, name: string): Place {
  const [segment, tenant, part] = name.split('/') as [string, string, string]
  const shard = join(root, segment.slice(0, SHARD_CHARS))
  const folders: Place['folders'] = [shard, join(shard, segment), join(shard, segment, tenant)]
  return { folders, folder: folders[2], part }
}

export const fileOf = ({ folder, part }: Place, generation: number): string =>
  join(folder, generation === 0 ? part : `${part}~${generation}`)

/** The generations of each part in a tenant's folder, the oldest first. A folder that isn't there has none. */
export async function generationsIn(folder: string): Promise<Map<string, number[]>> {
  const found = new Map<string, number[]>()
  for (const entry of await entriesOf(folder)) {
    const [, part, generation] = entry.isFile() ? (FILE.exec(entry.name) ?? []) : []
    if (part === undefined || !isNamePart(part)) continue
    found.set(
      part,
      [...(found.get(part) ?? []), Number(generation ?? 0)].sort((a, b) => a - b),
    )
  }
  return found
}

/** The files of blocks whose names come after this one, in byte order of the names; a folder is read when its turn comes. */
export async function* filesAfter(
  root: string,
  after: string,
): AsyncGenerator<{ name: string; file: string }> {
  // What comes below a folder begins with this; `/` stands behind `-` and `.`, and before all other characters.
  const shards = (shard: string) => (shard.length < SHARD_CHARS ? `${shard}/` : shard)
  for (const shard of await foldersAfter(root, shards, after))
    for (const segment of await foldersAfter(join(root, shard), (one) => `${one}/`, after))
      for (const tenant of await foldersAfter(
        join(root, shard, segment),
        (one) => `${segment}/${one}/`,
        after,
      )) {
        const folder = join(root, shard, segment, tenant)
        for (const [part, generations] of [...(await generationsIn(folder))].sort(([a], [b]) =>
          a < b ? -1 : 1,
        )) {
          const name = `${segment}/${tenant}/${part}`
          if (name > after)
            yield {
              name,
              file: fileOf({ folders: [shard, segment, folder], folder, part }, generations.at(-1)!),
            }
        }
      }
}

async function foldersAfter(
  folder: string,
  beginning: (name: string) => string,
  after: string,
): Promise<string[]> {
  return (await entriesOf(folder))
    .filter((entry) => entry.isDirectory() && isNamePart(entry.name))
    .map((entry) => ({ name: entry.name, begins: beginning(entry.name) }))
    .filter(({ begins }) => begins > after || after.startsWith(begins))
    .sort((a, b) => (a.begins < b.begins ? -1 : 1))
    .map(({ name }) => name)
}

async function entriesOf(folder: string): Promise<Dirent[]> {
  try {
    return await readdir(folder, { withFileTypes: true })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}

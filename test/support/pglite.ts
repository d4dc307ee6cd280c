// A migrated PGlite in memory for suites. Making one takes several times as long as unpacking a copy of one, so the first that is made
// is kept, named after what it was made of.

import { createHash } from 'node:crypto'
import { openAsBlob } from 'node:fs'
import { access, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { PGlite } from '@electric-sql/pglite'
import { migratePglite } from '../../src/stores/postgres/migrate.ts'
import { openPglite } from '../../src/stores/postgres/pglite.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
const folder = join(root, 'node_modules/.cache/tollgate')

export async function openMigratedPglite(): ReturnType<typeof openPglite> {
  const file = await imageFile()
  if (
    await access(file).then(
      () => true,
      () => false,
    )
  )
    return openPglite(null, await openAsBlob(file))
  const made = await openPglite(null)
  await migratePglite(made.db)
  await keep(made.client, file)
  return made
}

/** Of this PGlite, with these migrations. */
async function imageFile(): Promise<string> {
  const made = createHash('sha256')
  made.update(await readFile(join(root, 'node_modules/@electric-sql/pglite/package.json')))
  const migrations = join(root, 'migrations')
  for (const name of (await readdir(migrations)).filter((one) => one.endsWith('.sql')).sort())
    made.update(name).update(await readFile(join(migrations, name)))
  made.update(await readFile(join(migrations, 'meta/_journal.json')))
  return join(folder, `postgres-${made.digest('hex').slice(0, 16)}.tar`)
}

/** Whoever sees the file sees all of it. */
async function keep(client: PGlite, file: string): Promise<void> {
  await mkdir(folder, { recursive: true })
  const draft = `${file}.${process.pid}.${crypto.randomUUID()}`
  const image = await client.dumpDataDir('none')
  try {
    await writeFile(draft, Buffer.from(await image.arrayBuffer()))
    await rename(draft, file)
  } finally {
    await rm(draft, { force: true })
  }
}

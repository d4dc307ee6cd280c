// `npm run migrate`: brings the database in DATABASE_URL to the newest schema.

import { readConfig } from './config.ts'
import { environment } from './env-file.ts'
import { migrateNodePostgres } from './stores/postgres/migrate.ts'

const { DATABASE_URL: url } = readConfig(environment())
if (url === undefined) {
  console.error('DATABASE_URL is not set. It names the database to migrate:')
  console.error('  DATABASE_URL=postgresql://user:password@host/database npm run migrate')
  console.error(
    'With Neon, take the direct connection string, not the pooled one (without "-pooler" in the host).',
  )
  process.exit(1)
}

try {
  const { applied } = await migrateNodePostgres(url)
  for (const name of applied) console.log(`applied ${name}`)
  console.log(applied.length === 0 ? 'Nothing to do: the schema is up to date.' : 'The schema is up to date.')
} catch (error) {
  const { message, cause } = error as Error
  console.error(
    `The migration failed, and nothing was changed: ${message || (error as { code?: string }).code}`,
  )
  if (cause instanceof Error) console.error(cause.message)
  process.exit(1)
}

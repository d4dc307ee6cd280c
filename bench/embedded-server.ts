// The app over its embedded stores, as `npm start` composes it with nothing configured; REDIS_FILE empty: the embedded Redis
// keeps nothing. Nothing is settled meanwhile: with the file and without, it is recording that is measured.

import { serve } from '@hono/node-server'
import { compose } from '../src/compose.ts'
import { readConfig } from '../src/config.ts'
import { PostgresBlockStore } from '../src/stores/blocks/postgres.ts'
import { migratePglite } from '../src/stores/postgres/migrate.ts'
import { openPglite } from '../src/stores/postgres/pglite.ts'
import { openEmbeddedRedis } from '../src/stores/redis/embedded.ts'
import { tcpConnection } from '../src/stores/redis/tcp.ts'

const { REDIS_FILE: file, ADMIN_TOKEN: adminToken, PORT } = process.env
const postgres = await openPglite(null)
await migratePglite(postgres.db)
const redis = await openEmbeddedRedis(file ? { file, log: console.error } : {})
const connections = {
  databases: { main: { connection: tcpConnection(redis.client) } },
  counters: 'embedded',
  shared: true,
  db: postgres.db,
  blocks: new PostgresBlockStore(postgres.db),
  exportFiles: null,
} as const
const { app } = compose(readConfig({}), connections, adminToken ?? null)
serve({ fetch: app.fetch, port: Number(PORT), hostname: '127.0.0.1' }, ({ port }) => {
  console.log(`embedded: http://127.0.0.1:${port}`)
})
process.once('SIGTERM', () => process.exit(0))

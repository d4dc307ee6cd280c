// The tables of the event log. What a block holds stands here only where Postgres is the store of blocks.

import { customType, pgTable, uuid } from 'drizzle-orm/pg-core'
import { bytewise, instant } from './schema.ts'

const bytes = customType<{ data: Uint8Array }>({ dataType: () => 'bytea' })

export const logContents = pgTable('log_contents', {
  name: bytewise('name').primaryKey(),
  /** Compressed already: its storage is external (the migration says so), or Postgres would try to compress it again. */
  content: bytes('content').notNull(),
  /** Another one after every change. */
  version: uuid('version').notNull().defaultRandom(),
  createdAt: instant('created_at').notNull().defaultNow(),
})

// The table of imports and exports.

import { index, jsonb, pgTable, primaryKey, text, uuid } from 'drizzle-orm/pg-core'
import { instant } from './schema.ts'

export const transfers = pgTable(
  'transfers',
  {
    tenantId: uuid('tenant_id').notNull(),
    id: uuid('id').notNull(),
    /** import or export */
    kind: text('kind').notNull(),
    /** what it is, and how far */
    state: jsonb('state').notNull(),
    createdAt: instant('created_at').notNull().defaultNow(),
    updatedAt: instant('updated_at').notNull().defaultNow(),
  },
  (t) => [
    primaryKey({ columns: [t.tenantId, t.id] }),
    index('transfers_list').on(t.tenantId, t.kind, t.createdAt, t.id),
  ],
)

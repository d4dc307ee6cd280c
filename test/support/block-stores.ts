// The stores of blocks that the conformance suite runs on: each opened anew, with what makes it unreachable.

import type { BlockStore } from '../../src/log/block-store.ts'
import { PostgresBlockStore } from '../../src/stores/blocks/postgres.ts'
import { openNeon } from '../../src/stores/postgres/neon.ts'
import { openNodePostgres } from '../../src/stores/postgres/node-postgres.ts'
import { MemoryBlockStore } from './memory-blocks.ts'
import { postgresBackends } from './postgres.ts'

export type OpenBlockStore = {
  store: BlockStore
  /** The same blocks through a store of its own, as another process has it. */
  other: BlockStore
  close(): Promise<void>
}

export type BlockBackend = {
  name: string
  open(): Promise<OpenBlockStore>
}

export const blockBackends: BlockBackend[] = [
  ...postgresBackends.map(({ name, open }) => ({
    name: `Postgres: ${name}`,
    open: async () => {
      const { db, close } = await open()
      return { store: new PostgresBlockStore(db), other: new PostgresBlockStore(db), close }
    },
  })),
  {
    name: 'memory, as other tests have it',
    open: async () => {
      const store = new MemoryBlockStore()
      return { store, other: store, close: async () => {} }
    },
  },
]

const CLOSED = 'postgres://user:hunter2@127.0.0.1:1/none'

/** Stores whose far end is not there. */
export const unreachable: { name: string; open(): Promise<BlockStore> }[] = [
  {
    name: 'Postgres over TCP',
    open: async () => new PostgresBlockStore(openNodePostgres(CLOSED, { max: 1, timeoutMs: 2_000 }).db),
  },
  {
    name: 'Neon over HTTP',
    open: async () =>
      new PostgresBlockStore(
        openNeon(CLOSED, { fetchEndpoint: 'http://127.0.0.1:1/sql', timeoutMs: 2_000 }).db,
      ),
  },
]

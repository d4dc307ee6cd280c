// The stores of blocks that the conformance suite runs on: each opened anew, with what makes it unreachable.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { convertV4MiniflareOptions, Miniflare } from 'miniflare'
import type { BlockStore } from '../../src/log/block-store.ts'
import { FolderBlockStore, openFolderBlocks } from '../../src/stores/blocks/folder.ts'
import { PostgresBlockStore } from '../../src/stores/blocks/postgres.ts'
import { type Bucket, R2BlockStore } from '../../src/stores/blocks/r2.ts'
import { S3BlockStore } from '../../src/stores/blocks/s3.ts'
import type { S3Options } from '../../src/stores/blocks/s3-requests.ts'
import { openNeon } from '../../src/stores/postgres/neon.ts'
import { openNodePostgres } from '../../src/stores/postgres/node-postgres.ts'
import { MemoryBlockStore } from './memory-blocks.ts'
import { postgresBackends } from './postgres.ts'
import { type S3Server, startS3Server } from './s3-server.ts'

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

/** In one request, where a store has that: few, so that a test needs no thousands. */
export const NAMES = 20

export const blockBackends: BlockBackend[] = [
  ...postgresBackends.map(({ name, open }) => ({
    name: `Postgres: ${name}`,
    open: async () => {
      const { db, close } = await open()
      return { store: new PostgresBlockStore(db, { names: NAMES }), other: new PostgresBlockStore(db), close }
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

blockBackends.push({
  name: 'a folder',
  open: async () => {
    const folder = await mkdtemp(join(tmpdir(), 'tollgate-blocks-'))
    return {
      store: await openFolderBlocks(join(folder, 'log')),
      other: await openFolderBlocks(join(folder, 'log')),
      close: () => rm(folder, { recursive: true, force: true }),
    }
  },
})

blockBackends.push({
  name: 'R2, in miniflare',
  open: async () => {
    const { bucket, close } = await openR2()
    return { store: new R2BlockStore(bucket, { names: NAMES }), other: new R2BlockStore(bucket), close }
  },
})

blockBackends.push({
  name: 'S3, as R2 speaks it in miniflare',
  open: async () => {
    const { s3, close } = await openR2()
    return { store: s3Store(s3, { names: NAMES }), other: s3Store(s3), close }
  },
})

blockBackends.push({
  name: 'S3',
  open: async () => {
    const server = await startS3Server()
    return { store: s3Store(server, { names: NAMES }), other: s3Store(server), close: server.close }
  },
})

/** R2 as Cloudflare's own runtime has it, in memory: as a binding, and by its S3 API, which others wrote and check. */
export async function openR2() {
  const account = {
    accessKeyId: 'TESTKEYID',
    secretAccessKey: `secret/+${crypto.randomUUID()}`,
    region: 'auto',
  }
  const { accessKeyId, secretAccessKey } = account
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      modules: true,
      script: 'export default { fetch: () => new Response() }',
      r2Buckets: { LOG_BUCKET: { id: 'test-log', s3Credentials: { accessKeyId, secretAccessKey } } },
    }),
  )
  const bucket = (await miniflare.getR2Bucket('LOG_BUCKET')) as unknown as Bucket
  const endpoint = new URL('/cdn-cgi/local/r2/s3', await miniflare.ready).href
  return { bucket, s3: { endpoint, bucket: 'test-log', account }, close: () => miniflare.dispose() }
}

export const s3Store = (
  { endpoint, bucket, account }: Pick<S3Server, 'endpoint' | 'bucket' | 'account'>,
  more: Partial<S3Options> & { names?: number } = {},
) => new S3BlockStore({ endpoint, bucket, ...account, ...more })

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
  {
    name: 'a folder that is gone',
    open: async () => new FolderBlockStore(join(tmpdir(), `tollgate-none-${crypto.randomUUID()}`)),
  },
  {
    name: 'a folder that is a file',
    open: async () => new FolderBlockStore(import.meta.filename),
  },
  {
    name: 'S3',
    open: async () =>
      s3Store({
        endpoint: 'http://127.0.0.1:1',
        bucket: 'none',
        account: { accessKeyId: 'id', secretAccessKey: 'hunter2', region: 'eu-test-1' },
      }),
  },
  {
    name: 'R2 that answers with errors',
    open: async () => {
      const fail = () => Promise.reject(new Error('put: We encountered an internal error. (10001)'))
      return new R2BlockStore({ get: fail, put: fail, delete: fail, list: fail })
    },
  },
  {
    name: 'R2 that does not answer',
    open: async () => {
      const silent = () => new Promise<never>(() => {})
      return new R2BlockStore({ get: silent, put: silent, delete: silent, list: silent }, { timeoutMs: 20 })
    },
  },
]

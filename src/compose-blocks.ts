// Picks the store of the event log's blocks. A folder is only Node's and a bound bucket only a Worker's: each entry says
// how it opens its own.

import type { Config } from './config.ts'
import type { BlockStore } from './log/block-store.ts'
import type { ExportFiles } from './log/export/export-files.ts'
import { PostgresBlockStore } from './stores/blocks/postgres.ts'
import { S3BlockStore } from './stores/blocks/s3.ts'
import { s3ExportFiles } from './stores/blocks/s3-exports.ts'
import type { Db } from './stores/postgres/db.ts'

/** `blocks`: null where there is no event log. `exportFiles`: where files of exports may be, too; null: nowhere. */
export type LogStores = { blocks: BlockStore | null; exportFiles: ExportFiles | null }

export function pickBlocks<Own>(
  config: Config,
  db: Db,
  own: { folder: () => Own; r2: () => Own },
): LogStores | Own {
  switch (config.EVENT_LOG) {
    case 'postgres':
      return { blocks: new PostgresBlockStore(db), exportFiles: null }
    case 's3': {
      const options = {
        // readConfig has seen to it that they are there.
        endpoint: config.S3_ENDPOINT!,
        bucket: config.S3_BUCKET!,
        region: config.S3_REGION,
        accessKeyId: config.S3_ACCESS_KEY_ID!,
        secretAccessKey: config.S3_SECRET_ACCESS_KEY!,
      }
      return { blocks: new S3BlockStore(options), exportFiles: s3ExportFiles(options) }
    }
    case 'folder':
      return own.folder()
    case 'r2':
      return own.r2()
    case 'off':
      return { blocks: null, exportFiles: null }
  }
}

/** What to throw where EVENT_LOG names a store that can't be had here. */
export const wrongEventLog = (why: string): Error =>
  new Error(`The environment is not right:\n  EVENT_LOG ${why}`)

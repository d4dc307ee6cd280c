// An export into the bucket: the same stream that a download is, written as it comes. How far it is can be asked for meanwhile.

import { TollgateError } from '../../kernel/errors.ts'
import { rfc3339 } from '../../kernel/time.ts'
import { PROGRESS_EVERY_MS, type TransferStore } from '../transfer.ts'
import type { ExportFiles } from './export-files.ts'
import type { ExportState } from './export-state.ts'
import { type ExportFormat, formats } from './formats.ts'
import type { Row, Table } from './table.ts'
import { type ExportKind, tables } from './tables.ts'

export type BucketServices = {
  clock: () => number
  transfers: Pick<TransferStore, 'saveTransfer'>
}

export type BucketExport = {
  id: string
  what: ExportKind
  format: ExportFormat
  filter: object
  pages: AsyncGenerator<Row[]>
}

/** Throws validation_failed where there is none: blocks are in Postgres, or nowhere. */
export function bucketOf({ exportFiles }: { exportFiles: ExportFiles | null }): ExportFiles {
  if (exportFiles !== null) return exportFiles
  throw new TollgateError('validation_failed', 'There is no bucket here that an export could be put into.', {
    issues: [
      {
        pointer: '#/destination',
        detail:
          'must be download: the event log is in Postgres, or off. With EVENT_LOG=r2, s3 or folder on the server, exports go there, too',
      },
    ],
  })
}

/** Gives what became of it. Where it fails, nothing is left of its file, and it has said why. */
export async function exportToBucket(
  { clock, transfers }: BucketServices,
  files: ExportFiles,
  tenantId: string,
  asked: BucketExport,
): Promise<ExportState> {
  const { id, what, format, filter, pages } = asked
  const state: ExportState = {
    ...{ what, format, filter, status: 'running', store: files.kind },
    ...{ key: null, rows: 0, bytes: 0, reason: null },
  }
  let savedMs = clock()
  const save = async () => {
    await transfers.saveTransfer(tenantId, 'export', id, state)
    savedMs = clock()
  }
  async function* counted(): AsyncGenerator<Row[]> {
    for await (const page of pages) {
      state.rows += page.length
      if (clock() - savedMs >= PROGRESS_EVERY_MS) await save()
      yield page
    }
  }
  const { contentType, extension, write } = formats[format]
  async function* content(): AsyncGenerator<Uint8Array> {
    for await (const chunk of write(tables[what] as Table, counted())) {
      state.bytes += chunk.length
      yield chunk
    }
  }
  try {
    await save()
    const day = rfc3339(clock()).slice(0, 10)
    const written = await files.write(`${tenantId}/${day}/${id}.${extension}`, content(), contentType)
    Object.assign(state, written, { status: 'done' })
  } catch (error) {
    throw await failed(error, id, state, save)
  } finally {
    await pages.return(undefined)
  }
  await save()
  return state
}

/** What is to be thrown: the same, and where it is told. */
async function failed(
  error: unknown,
  id: string,
  state: ExportState,
  save: () => Promise<void>,
): Promise<unknown> {
  const known = error instanceof TollgateError ? error : null
  state.status = 'failed'
  state.reason = `${known?.detail ?? 'Something went wrong on our side.'} There is no file: export again.`
  // It is told anyway, a little later: what has said nothing for long is taken for failed.
  await save().catch(() => {})
  if (known === null) return error
  const { code, issues, retryAfterSeconds } = known
  return new TollgateError(code, `${state.reason} GET /api/v1/exports/${id} says so, too.`, {
    issues,
    ...(retryAfterSeconds !== undefined && { retryAfterSeconds }),
    internal: error,
  })
}

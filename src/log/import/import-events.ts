// An import: batch after batch of a stream of lines, until it ends. What it counted is counted, wherever it is cut off, and a
// file that is sent again goes on by its ids.

import { TollgateError } from '../../kernel/errors.ts'
import { storable } from '../../kernel/text.ts'
import type { TenantConfig } from '../../metering/meter.ts'
import type { RecordServices } from '../../metering/record-usage.ts'
import type { BlockStore } from '../block-store.ts'
import { PROGRESS_EVERY_MS, type TransferStore } from '../transfer.ts'
import { importBatch, tallied } from './import-batch.ts'
import type { ImportState } from './import-state.ts'
import { KnownEvents, type KnownServices } from './known-events.ts'
import { BATCH_PAUSE_MS, BATCH_TRIES, FULL, STORE_PAUSE_MS, STORE_TRIES } from './limits.ts'
import type { SentLine } from './line.ts'
import { ImportTally } from './tally.ts'

export type ImportServices = RecordServices &
  KnownServices & {
    counters: RecordServices['counters'] & KnownServices['counters']
    blocks: BlockStore | null
    transfers: Pick<TransferStore, 'saveTransfer'>
    /** lines of one import, where what one request may do is bounded */
    importLines: number
    pause: (ms: number) => Promise<void>
  }

export type ImportInput = Pick<ImportState, 'mode' | 'format' | 'ignoredColumns'> & {
  id: string
  /** in batches that may be recorded at once */
  lines: AsyncIterable<SentLine[]>
  /** Lines that begin before are left out. */
  fromLine: number
}

/**
 * Gives how it ended: `done`, or `stopped` at the bound of lines. Throws what the stream throws, and what a store throws that is
 * tried in vain; it has said by then how far it came.
 */
export async function importEvents(
  services: ImportServices,
  tenant: TenantConfig,
  input: ImportInput,
): Promise<ImportState> {
  const run = new ImportRun(services, tenant, input)
  await run.save('running')
  try {
    for await (const batch of input.lines) if (!(await run.take(batch))) return await run.save('stopped')
  } catch (error) {
    throw await run.failed(error)
  }
  return await run.save('done')
}

class ImportRun {
  readonly #services: ImportServices
  readonly #tenant: TenantConfig
  readonly #input: ImportInput
  readonly #known: KnownEvents | null
  readonly #tally = new ImportTally()
  #nextLine: number
  #reason: string | null = null
  #savedMs = 0

  constructor(services: ImportServices, tenant: TenantConfig, input: ImportInput) {
    this.#services = services
    this.#tenant = tenant
    this.#input = input
    this.#nextLine = input.fromLine
    const { blocks } = services
    this.#known = blocks && new KnownEvents(services, blocks, tenant.tenantId)
  }

  /** Whether it may go on: after the bound of lines it may not, and takes nothing. */
  async take(batch: SentLine[]): Promise<boolean> {
    const lines = batch.filter(({ line }) => line >= this.#input.fromLine)
    if (lines.length === 0) return true
    const { importLines } = this.#services
    if (this.#tally.counts().lines + lines.length > importLines) {
      this.#nextLine = lines[0]!.line
      this.#reason = `One import takes ${importLines} lines here (IMPORT_LINES). Send the same file with from_line=${this.#nextLine}, or split it.`
      return false
    }
    tallied(this.#tally, await this.#imported(lines))
    this.#nextLine = lines.at(-1)!.line + 1
    if (this.#services.clock() - this.#savedMs >= PROGRESS_EVERY_MS) await this.save('running')
    return true
  }

  /** What a store doesn't take at present is tried again, and while settling catches up the sender is held up. */
  async #imported(lines: SentLine[]) {
    const { pause, importLines } = this.#services
    const services = {
      ...this.#services,
      known: this.#known,
      history: this.#input.mode === 'history',
    }
    for (let attempt = 1; ; attempt++) {
      try {
        return await importBatch(services, this.#tenant, lines)
      } catch (error) {
        const code = error instanceof TollgateError ? error.code : null
        const isFull = code !== null && FULL.includes(code)
        // Where requests are bounded, a try is one of a few.
        const tries = isFull && importLines === Number.POSITIVE_INFINITY ? BATCH_TRIES : STORE_TRIES
        if ((!isFull && code !== 'store_unavailable') || attempt >= tries) throw error
        if (isFull) await this.save('running')
        await pause(isFull ? BATCH_PAUSE_MS : STORE_PAUSE_MS)
      }
    }
  }

  async save(status: ImportState['status']): Promise<ImportState> {
    const { id, mode, format } = this.#input
    const ignoredColumns = this.#input.ignoredColumns.map(storable)
    const state: ImportState = {
      ...{ mode, format, status, ignoredColumns },
      ...this.#tally.counts(),
      nextLine: status === 'done' ? null : this.#nextLine,
      reason: this.#reason,
    }
    await this.#services.transfers.saveTransfer(this.#tenant.tenantId, 'import', id, state)
    this.#savedMs = this.#services.clock()
    return state
  }

  /** What is to be thrown: the same, and how far it came. */
  async failed(error: unknown): Promise<unknown> {
    const detail = error instanceof TollgateError ? error.detail : 'Something went wrong on our side.'
    this.#reason = `${detail} ${this.#howFar()}`
    // It is told anyway, a little later: what has said nothing for long is taken for stopped.
    await this.save('stopped').catch(() => {})
    if (!(error instanceof TollgateError)) return error
    const { code, issues, retryAfterSeconds } = error
    return new TollgateError(code, this.#reason, {
      issues,
      ...(retryAfterSeconds !== undefined && { retryAfterSeconds }),
      internal: error,
    })
  }

  #howFar(): string {
    const { lines, accepted } = this.#tally.counts()
    const done =
      lines === 0 ? 'Nothing is counted' : `${lines} lines are done with, ${accepted} events counted`
    return `${done}: send the same file again, or from_line=${this.#nextLine}. GET /api/v1/imports/${this.#input.id} says more.`
  }
}

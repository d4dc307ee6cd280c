import { beforeEach, describe, expect, it } from 'vitest'
import { TollgateError } from '../../src/kernel/errors.ts'
import type { ExportFiles } from '../../src/log/export/export-files.ts'
import { type ExportState, SILENT } from '../../src/log/export/export-state.ts'
import { bucketOf, exportToBucket } from '../../src/log/export/export-to-bucket.ts'
import type { Row } from '../../src/log/export/table.ts'
import { standing } from '../../src/log/transfer.ts'
import { manyEvents } from './many-events.ts'

const asked = { id: 'x', what: 'events' as const, filter: { customer_id: 'c' } }

let saved: ExportState[]
let nowMs: number
const services = {
  clock: () => (nowMs += 1_000),
  transfers: {
    saveTransfer: async (_: string, kind: string, id: string, state: object) => {
      expect([kind, id]).toEqual(['export', 'x'])
      saved.push(structuredClone(state) as ExportState)
    },
  },
}
beforeEach(() => {
  saved = []
  nowMs = Date.UTC(2026, 10, 22)
})

/** Takes what comes, and keeps nothing of it. */
const taking: ExportFiles = {
  kind: 'r2',
  write: async (name, content) => {
    let bytes = 0
    for await (const chunk of content) bytes += chunk.length
    return { key: `exports/${name}`, bytes }
  },
}

describe('an export into the bucket', () => {
  it('says how far it is, and at the end where the file is', async () => {
    const { pages } = manyEvents(30_000, 1_000)
    const state = await exportToBucket(services, taking, 't', { ...asked, format: 'ndjson', pages })
    expect(state).toMatchObject({ status: 'done', rows: 30_000, key: 'exports/t/2026-11-22/x.ndjson' })
    expect(saved[0]).toMatchObject({ status: 'running', rows: 0, key: null, filter: asked.filter })
    const rows = saved.map((one) => one.rows)
    expect(rows.length).toBeGreaterThan(4)
    expect(rows).toEqual(rows.toSorted((a, b) => a - b))
    expect(saved.at(-1)).toEqual(state)
  })

  it.each([
    ['a store', new TollgateError('store_unavailable', 'It is away.'), /^It is away\. There is no file/],
    ['a mistake of ours', new Error('secret'), /^Something went wrong on our side\. There is no file/],
  ])('that fails by %s says why, and reads no further', async (_, error, reason) => {
    let ended = false
    async function* pages(): AsyncGenerator<Row[]> {
      try {
        yield []
        throw error
      } finally {
        ended = true
      }
    }
    const exporting = exportToBucket(services, taking, 't', { ...asked, format: 'csv', pages: pages() })
    await expect(exporting).rejects.toSatisfy((thrown) =>
      error instanceof TollgateError ? thrown.code === error.code : thrown === error,
    )
    expect(saved.at(-1)).toMatchObject({ status: 'failed', key: null })
    expect(saved.at(-1)!.reason).toMatch(reason)
    expect(ended).toBe(true)
  })

  it('is refused by name where there is no bucket', () => {
    expect(() => bucketOf({ exportFiles: null })).toThrow(
      expect.objectContaining({
        code: 'validation_failed',
        issues: [expect.objectContaining({ pointer: '#/destination' })],
      }),
    )
    expect(bucketOf({ exportFiles: taking })).toBe(taking)
  })

  it('that has said nothing for two minutes has failed', () => {
    const transfer = {
      ...{ id: 'x', createdMs: 0, updatedMs: 1_000 },
      state: { status: 'running', reason: null } as ExportState,
    }
    expect(standing(transfer, 121_000, SILENT)).toEqual({ status: 'running', reason: null })
    expect(standing(transfer, 121_001, SILENT)).toMatchObject({ status: 'failed' })
    const done = { ...transfer, state: { ...transfer.state, status: 'done' } as ExportState }
    expect(standing(done, 500_000, SILENT).status).toBe('done')
  })
})

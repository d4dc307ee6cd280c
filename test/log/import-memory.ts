// By hand: what an import of many events takes, in time and in memory, but for the stores.
//
//   node --expose-gc --max-old-space-size=64 test/log/import-memory.ts ndjson 1000000
//
// The bound on the heap is half of what a Worker has. The file is packed as it is sent, and unpacked as it is read.

import { Readable } from 'node:stream'
import { createGzip } from 'node:zlib'
import { gunzipped } from '../../src/http/unpack.ts'
import { type ExportFormat, formats } from '../../src/log/export/formats.ts'
import type { Table } from '../../src/log/export/table.ts'
import { tables } from '../../src/log/export/tables.ts'
import { bounded } from '../../src/log/import/bounded.ts'
import { type ImportServices, importEvents } from '../../src/log/import/import-events.ts'
import { readCsv } from '../../src/log/import/read-csv.ts'
import { readNdjson } from '../../src/log/import/read-ndjson.ts'
import { defaultLimits } from '../../src/metering/limits.ts'
import { MemoryBlockStore } from '../support/memory-blocks.ts'
import { meter, tenantConfig } from '../support/metering.ts'
import { manyEvents } from './many-events.ts'

const [format = 'ndjson', total = '1000000'] = process.argv.slice(2)
const mebibytes = (bytes: number): string => `${(bytes / 1_048_576).toFixed(0)} MiB`
const config = tenantConfig([meter('tokens', 'sum', { resourceType: 'tokens', groupBy: ['model'] })])

let [recorded, nextShown] = [0, 0]
const nothing = { segments: [], calls: [], kept: [], nextMicros: null }
const counters = {
  record: async ({ events }: { events: unknown[] }) => {
    recorded += events.length
    if (recorded >= nextShown) {
      nextShown = recorded + Number(total) / 10
      gc?.()
      const { rss, heapUsed, arrayBuffers } = process.memoryUsage()
      console.log(`${recorded} events: in use ${mebibytes(heapUsed + arrayBuffers)}, RSS ${mebibytes(rss)}`)
    }
    return { kind: 'recorded', verdicts: events.map(() => 'accepted') }
  },
  readLog: async () => nothing,
}
const services = {
  clock: Date.now,
  limits: { ...defaultLimits, eventMaxAgeMs: Number.POSITIVE_INFINITY },
  counters,
  configs: { reload: async () => config },
  log: { write: async () => ({ rows: [], kept: null }) },
  blocks: new MemoryBlockStore(),
  logIndex: { findBlocksWith: async () => ({ blocks: [], settled: new Set() }) },
  transfers: { saveTransfer: async () => {} },
  importLines: Number.POSITIVE_INFINITY,
  pause: async () => {},
} as unknown as ImportServices

const { pages } = manyEvents(Number(total), 1_000)
const file = formats[format as ExportFormat].write(tables.events as Table, pages)
const sent = Readable.from(file).pipe(createGzip())
const chunks = bounded(gunzipped(sent as AsyncIterable<Uint8Array>))
const lines =
  format === 'csv'
    ? (await readCsv(chunks, { rest: 'ignore', separator: 'comma', times: 'rfc3339' })).lines
    : readNdjson(chunks)
const startMs = performance.now()
const state = await importEvents(services, config, {
  ...{ id: 'x', mode: 'billable', fromLine: 1, ignoredColumns: [], lines },
  format: format === 'csv' ? 'csv' : 'ndjson',
})
const seconds = (performance.now() - startMs) / 1000
console.log(
  `${format}: ${state.accepted} of ${state.lines} lines accepted, ${seconds.toFixed(1)} s, most RSS ${mebibytes(process.resourceUsage().maxRSS * 1024)}`,
)

// By hand: what an export of many events takes, in time and in memory.
//
//   node --expose-gc --max-old-space-size=64 test/log/export-memory.ts parquet 1000000 [file, or `bucket`]
//
// `bucket` cuts it into parts as buckets take them.
//
// The bound on the heap is half of what a Worker has: without one, Node lets garbage lie until it has a reason to collect it.
// The file is for other readers to be held against it.

import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { type ExportFormat, formats } from '../../src/log/export/formats.ts'
import type { Table } from '../../src/log/export/table.ts'
import { tables } from '../../src/log/export/tables.ts'
import { partsOf } from '../../src/stores/blocks/parts.ts'
import { manyEvents } from './many-events.ts'

const [format = 'parquet', total = '1000000', path] = process.argv.slice(2)
const mebibytes = (bytes: number): string => `${(bytes / 1_048_576).toFixed(0)} MiB`

const { state, pages } = manyEvents(Number(total), 1_000)
const file = path === undefined || path === 'bucket' ? null : createWriteStream(path)
const written = formats[format as ExportFormat].write(tables.events as Table, pages)
const startMs = performance.now()
let [bytes, largest, nextShown] = [0, 0, 0]
for await (const chunk of path === 'bucket' ? partsOf(written) : written) {
  bytes += chunk.length
  largest = Math.max(largest, chunk.length)
  if (file !== null && !file.write(chunk)) await once(file, 'drain')
  if (state.made < nextShown) continue
  nextShown = state.made + Number(total) / 10
  gc?.()
  const { rss, heapUsed, arrayBuffers } = process.memoryUsage()
  console.log(`${state.made} rows: in use ${mebibytes(heapUsed + arrayBuffers)}, RSS ${mebibytes(rss)}`)
}
file?.end()
const seconds = (performance.now() - startMs) / 1000
console.log(
  `${format}: ${state.made} rows, ${mebibytes(bytes)}, ${seconds.toFixed(1)} s, largest chunk ${mebibytes(largest)}, most RSS ${mebibytes(process.resourceUsage().maxRSS * 1024)}`,
)

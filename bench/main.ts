// `npm run bench`: everything in one run, on the same servers, in one table. Its targets fail nothing; they are shown.

import { benchBill } from './bill.ts'
import { benchCloseRanges } from './close-ranges.ts'
import { closeAll } from './closing.ts'
import { benchEmbedded } from './embedded.ts'
import { benchHttp } from './http.ts'
import { benchIds } from './ids.ts'
import { benchInvoices } from './invoices.ts'
import { benchLog } from './log.ts'
import { benchMonth } from './month.ts'
import { type Options, type Part, readOptions } from './options.ts'
import { benchRecord } from './record.ts'
import { type Section, table } from './report.ts'
import { benchScale } from './scale.ts'
import { benchDatabases } from './scale-databases.ts'
import { benchMoves } from './scale-moves.ts'
import { machine, openServers, type Servers, thisMachine } from './servers.ts'
import { benchSettle } from './settle.ts'
import { benchWorker } from './worker.ts'

const benches: Record<Part, (servers: Servers, options: Options) => Promise<Section[]>> = {
  record: benchRecord,
  settle: benchSettle,
  bill: benchBill,
  invoices: benchInvoices,
  http: benchHttp,
  log: benchLog,
  month: benchMonth,
  embedded: (_servers, options) => benchEmbedded(options),
  worker: benchWorker,
  scale: async (servers, options) => [
    ...(await benchIds(servers, options)),
    ...(await benchScale(servers, options)),
  ],
  'scale-closing': benchCloseRanges,
  'scale-databases': benchDatabases,
  'scale-moves': benchMoves,
}

async function main(): Promise<void> {
  const options = readOptions(process.argv.slice(2))
  if (options.only.every((part) => part === 'embedded')) return await embeddedOnly(options)
  const servers = await openServers(process.env)
  let interrupted = false
  const interrupt = async () => {
    if (interrupted) process.exit(130)
    interrupted = true
    await closeAll()
    await servers.close()
    process.exit(130)
  }
  process.on('SIGINT', interrupt)
  process.on('SIGTERM', interrupt)
  try {
    const about = await machine(servers)
    const sections: Section[] = []
    for (const part of options.only) {
      console.error(`${part} …`)
      sections.push(...(await benches[part](servers, options)))
    }
    show(about, sections, options)
  } catch (error) {
    if (!interrupted) throw error
  } finally {
    if (!interrupted) await servers.close()
  }
}

/** Without the servers that the others are measured on. */
async function embeddedOnly(options: Options): Promise<void> {
  process.once('SIGINT', () => closeAll().then(() => process.exit(130)))
  show(thisMachine(), await benchEmbedded(options), options)
}

function show(about: string, sections: Section[], { quick }: Options): void {
  const note = quick ? ' · quick: figures for orientation only' : ''
  console.log(`${about}${note}\n\n${table(sections)}`)
}

await main().catch((error: Error) => {
  console.error(error.message)
  process.exitCode = 1
})

// Several processes on one port: starts them, puts another in the place of one that has ended, and ends them all. It serves
// nothing itself, and knows no store. One of them has the jobs; whoever takes its place has them, too.

import cluster, { type Worker } from 'node:cluster'
import { onStop } from './on-stop.ts'
import { RestartPace } from './restart-pace.ts'

/** The argument of the process that has the jobs. */
export const JOBS = '--jobs'
/** Longer than it takes a process to drain, and to settle what it can. */
const STOP_MS = 60_000

export type ProcessesOptions = { processes: number; host: string; log: (line: string) => void }

/** Ends with code 1, and all of them ended, if one of the first does not start. */
export async function superviseProcesses({ processes, host, log }: ProcessesOptions): Promise<void> {
  const pace = new RestartPace()
  /** By its place: the first one has the jobs. */
  const places: (Worker | undefined)[] = Array.from({ length: processes })
  let stopping = false

  onStop(async (reason) => {
    log(`${reason}: ending ${processes} processes`)
    stopping = true
    return await endAll(places)
  })

  /** Gives the port when it listens. null: it ended before that; one of the first is not replaced then. */
  function start(place: number, first: boolean): Promise<number | null> {
    cluster.setupPrimary({ args: place === 0 ? [JOBS] : [] })
    const worker = cluster.fork()
    places[place] = worker
    let replaced = !first
    return new Promise((resolve) => {
      worker.once('listening', ({ port }) => {
        replaced = true
        resolve(port)
      })
      worker.once('exit', (code, signal) => {
        places[place] = undefined
        resolve(null)
        if (replaced && !stopping)
          replace(place, `process ${worker.id} (pid ${worker.process.pid}) ${endedBy(code, signal)}`)
      })
    })
  }

  function replace(place: number, what: string): void {
    const delayMs = pace.delayMs(Date.now())
    log(`${what}: another takes its place ${delayMs === 0 ? 'now' : `in ${delayMs / 1000} s`}`)
    setTimeout(() => stopping || start(place, false), delayMs)
  }

  // The first one brings the database to the newest schema, and says what is wrong, once.
  const ports = [await start(0, true)]
  if (ports[0] !== null && !stopping)
    ports.push(...(await Promise.all(places.slice(1).map((_, i) => start(i + 1, true)))))
  if (stopping) return
  if (ports.includes(null)) {
    stopping = true
    await endAll(places)
    process.exit(1)
  }
  log(`Tollgate is at http://${host}:${ports[0]}  (reference: /docs), in ${processes} processes`)
}

const endedBy = (code: number | null, signal: string | null): string =>
  signal ? `was ended by ${signal}` : `has ended with code ${code}`

/** Whether all went well. */
async function endAll(workers: (Worker | undefined)[]): Promise<boolean> {
  const well = await Promise.all(workers.filter((worker) => worker !== undefined).map(ended))
  return well.every(Boolean)
}

function ended(worker: Worker): Promise<boolean> {
  return new Promise((resolve) => {
    const impatience = setTimeout(() => worker.process.kill('SIGKILL'), STOP_MS)
    worker.once('exit', (code, signal) => {
      clearTimeout(impatience)
      // One that had only begun to start knows no signal yet.
      resolve(code === 0 || signal === 'SIGTERM')
    })
    worker.process.kill('SIGTERM')
  })
}

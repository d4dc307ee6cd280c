// The Node server: starts one process, or with PROCESSES several that share a port, and nothing else.

import cluster from 'node:cluster'
import { readConfig } from './config.ts'
import { environment } from './env-file.ts'
import { JOBS, superviseProcesses } from './node-processes.ts'
import { startServer } from './node-server.ts'

const say = (line: string): void => console.log(line)

try {
  const env = environment()
  const { PROCESSES: processes, HOST: host } = readConfig(env)
  const { worker } = cluster
  if (worker !== undefined) {
    const log = (line: string) => say(`process ${worker.id}: ${line}`)
    await startServer(env, { log, jobs: process.argv.includes(JOBS), announced: false })
  } else if (processes > 1) await superviseProcesses({ processes, host, log: say })
  else await startServer(env, { log: say, jobs: true, announced: true })
} catch (error) {
  const { cause, message } = error as Error
  console.error(cause instanceof Error ? cause.message : String(cause ?? message))
  process.exit(1)
}

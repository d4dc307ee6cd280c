// node test/fuzz/main.ts [--requests 50000] [--target node|workerd] [--seed …] [--at-once 4]
// A long run against a server of its own. Ends with 1 if anything was wrong.

import { parseArgs } from 'node:util'
import { describeReport } from './report.ts'
import { run } from './run.ts'
import { type Platform, platforms, startServer } from './server.ts'

const { values } = parseArgs({
  options: {
    requests: { type: 'string', default: '50000' },
    target: { type: 'string', default: 'node' },
    seed: { type: 'string', default: String(Date.now()) },
    'at-once': { type: 'string', default: '4' },
  },
})
if (!Object.hasOwn(platforms, values.target)) {
  console.error(`--target is one of ${Object.keys(platforms).join(', ')}`)
  process.exit(2)
}
const requests = Number(values.requests)
const atOnce = Number(values['at-once'])
if (!Number.isSafeInteger(requests) || requests < 1 || !Number.isSafeInteger(atOnce) || atOnce < 1) {
  console.error('--requests and --at-once are whole numbers from 1 up')
  process.exit(2)
}

const platform = values.target as Platform
const server = await startServer(platform)
const startedAt = performance.now()
try {
  const report = await run({ ...server, platform, requests, seed: values.seed, atOnce, log: console.log })
  console.log(describeReport(report, (performance.now() - startedAt) / 1_000))
  if (report.violations.length > 0) process.exitCode = 1
} finally {
  await server.close()
}

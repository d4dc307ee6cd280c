// A Worker whose cron is fired by hand, over backends of its own; segments are settled as soon as there are any.

import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'vitest'
import { startLocalBackends } from '../../src/local/backends.ts'
import { startWorker } from '../../src/local/worker-process.ts'
import { ADMIN, call as callAt, closing } from '../app/start.ts'
import { temporaryFolder } from '../local/support.ts'

const COMMITTER = `durable_objects.bindings = [{ name = "COMMITTER", class_name = "Committer" }]
migrations = [{ tag = "committer", new_sqlite_classes = ["Committer"] }]
`

type CronWorker = {
  /** whether objects are bound */
  committer: boolean
  env: Record<string, string>
  /** in place of src/worker.ts: a file of this folder */
  script?: string
}

/** `lines`: what the Worker and its objects log. */
export async function startCronWorker({ committer, env, script = '../../src/worker.ts' }: CronWorker) {
  const folder = await temporaryFolder()
  closing.push(folder.remove)
  const backends = await startLocalBackends({ dataDir: null, log: () => {} })
  closing.push(backends.close)
  const config = join(folder.path, 'wrangler.toml')
  const main = join(import.meta.dirname, script)
  await writeFile(
    config,
    `name = "cron"
main = ${JSON.stringify(main)}
compatibility_date = "2026-10-01"
compatibility_flags = ["nodejs_compat"]
${committer ? COMMITTER : ''}`,
  )
  const ages = { SEGMENT_MAX_AGE_SECONDS: '0', SETTLE_AFTER_SECONDS: '0' }
  const lines: string[] = []
  const worker = await startWorker({
    env: { ...backends.env, ...ages, ...env, ADMIN_TOKEN: ADMIN },
    config,
    onLine: (line) => lines.push(line),
  })
  closing.push(worker.close)
  const call = async (method: string, path: string, token: string, body?: unknown) => {
    const { status, body: answer } = await callAt(worker.url, method, path, token, body)
    expect(status, `${method} ${path} ${JSON.stringify(answer)}`).toBeLessThan(300)
    return answer
  }
  return { worker, call, lines }
}

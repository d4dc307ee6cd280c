// A server whose event log is in a folder, on Node, or in R2, in workerd: whichever the project's server runs on.

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inject } from 'vitest'
import { type Server, serverAt } from './harness.ts'

export type BucketServer = Server & { store: 'folder' | 'r2' }

const root = join(import.meta.dirname, '../..')

export async function openBucketServer(): Promise<BucketServer> {
  const scratch = await mkdtemp(join(tmpdir(), 'tollgate-bucket-'))
  const onNode = inject('server').runtime === 'node'
  const started = onNode ? await node() : await workerd(scratch)
  const close = async () => {
    await started.close()
    await rm(scratch, { recursive: true, force: true })
  }
  return { ...serverAt({ ...started, close }), store: onNode ? 'folder' : 'r2' }
}

async function node() {
  const { startNode } = await import('./setup-node.ts')
  return startNode({ EVENT_LOG: 'folder' })
}

/** The Worker's own wrangler.toml, with the lines that it has for a bucket. */
async function workerd(scratch: string) {
  const { startWorkerd } = await import('./setup-workerd.ts')
  const text = await readFile(join(root, 'wrangler.toml'), 'utf8')
  const config = join(scratch, 'wrangler.toml')
  const bound = text
    .replace('main = "src/', `main = "${root}/src/`)
    .replace('directory = "public"', `directory = "${root}/public"`)
    .replace(/^# (?=\[\[r2_buckets|binding = "LOG_BUCKET|bucket_name)/gm, '')
  await writeFile(config, bound)
  return startWorkerd({ EVENT_LOG: 'r2' }, {}, config)
}

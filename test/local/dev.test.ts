// The first ten minutes: what `npm run dev` prints works as it stands, and survives a restart.

import { type ChildProcess, spawn } from 'node:child_process'
import { stat } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { runningInGroup } from './processes.ts'
import { temporaryFolder } from './support.ts'

const dev = fileURLToPath(new URL('../../src/local/dev.ts', import.meta.url))
let folder: Awaited<ReturnType<typeof temporaryFolder>>
let dataDir: string
const children: ChildProcess[] = []

beforeAll(async () => {
  folder = await temporaryFolder()
  dataDir = join(folder.path, 'data')
})
afterAll(async () => {
  for (const child of children) child.kill('SIGKILL')
  await folder.remove()
})

type Dev = { child: ChildProcess; output: () => string; exited: Promise<number | null>; curls: string[] }

async function startDev(env: Record<string, string>): Promise<Dev> {
  const child = spawn(process.execPath, [dev], {
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
    env: { PATH: process.env.PATH, HOME: folder.path, DATA_DIR: dataDir, ...env },
  })
  children.push(child)
  let text = ''
  const exited = new Promise<number | null>((resolve) => child.once('close', resolve))
  await new Promise<void>((resolve) => {
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk) => {
        text += chunk
        if (text.includes('Ctrl-C stops everything')) resolve()
      })
    }
    void exited.then(() => resolve())
  })
  return {
    child,
    output: () => text,
    exited,
    curls: text.split('\n').filter((line) => line.startsWith('  curl ')),
  }
}

/** Runs a printed line, without curl: its arguments are simple enough. */
async function paste(line: string): Promise<{ status: number; body: Record<string, unknown> }> {
  const [, method = 'GET'] = / -X (\w+) /.exec(line) ?? []
  const headers = [...line.matchAll(/-H '([^:]+): ([^']+)'/g)].map(
    ([, name, value]) => [name!, value!] as [string, string],
  )
  const [, data] = / -d '([^']+)'/.exec(line) ?? []
  const [url] = /http:\S+/.exec(line)!
  const response = await fetch(url, { method, headers, ...(data && { body: data }) })
  return { status: response.status, body: (await response.json()) as Record<string, unknown> }
}

async function freePort(): Promise<string> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return String(port)
}

test('what it prints works, the cron settles, and a restart loses and doubles nothing', async () => {
  const PORT = await freePort()
  const first = await startDev({ PORT, FLUSH_EVERY_SECONDS: '1' })
  expect(first.curls, first.output()).toHaveLength(3)
  const [usage, billing, flush] = first.curls as [string, string, string]
  expect((await paste(usage)).body).toMatchObject({ accepted: 1 })
  const withId = usage.replace(`'{`, `'{"id":"once",`)
  expect((await paste(withId)).body).toMatchObject({ accepted: 1, duplicates: 0 })
  expect((await paste(billing)).body).toMatchObject({ total: '2.00' })
  await expect
    .poll(() => first.output(), { timeout: 20_000 })
    .toMatch(/flush: settled 1 counter of 1 segment/)
  const settled = await paste(billing)
  expect(settled.body).toMatchObject({ total: '2.00' })
  expect((settled.body.lines as { settled_quantity: string }[])[0]!.settled_quantity).toBe('200')
  expect((await paste(flush)).status).toBe(200)
  expect((await stat(join(dataDir, 'demo.json'))).mode & 0o777).toBe(0o600)

  const refused = await startDev({ PORT: await freePort() })
  expect(await refused.exited).toBe(1)
  expect(refused.output()).toMatch(`is open in another process, pid ${first.child.pid}`)

  expect((await paste(usage)).body).toMatchObject({ accepted: 1 })
  first.child.kill('SIGTERM')
  expect(await first.exited, first.output()).toBe(0)
  expect(first.output()).toMatch(/last flush: /)
  await expect.poll(() => runningInGroup(first.child.pid!)).toEqual([])

  const second = await startDev({ PORT })
  expect(second.curls.slice(0, 2), second.output()).toEqual([usage, billing])
  expect((await paste(billing)).body).toMatchObject({ total: '3.00' })
  expect((await paste(withId)).body).toMatchObject({ accepted: 0, duplicates: 1 })
  expect((await paste(billing)).body).toMatchObject({ total: '3.00' })
  second.child.kill('SIGINT')
  expect(await second.exited, second.output()).toBe(0)
})

test('a mistake in the environment stops the start by name, and a taken port too', async () => {
  const mistaken = await startDev({ PORT: 'many' })
  expect(await mistaken.exited).toBe(1)
  expect(mistaken.output()).toMatch(/PORT/)
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  const late = await startDev({ PORT: String(port) })
  expect(await late.exited).toBe(1)
  expect(late.output()).toMatch(`Port ${port} is taken`)
  server.close()
})

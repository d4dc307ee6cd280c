// `npm start` as a process of its own, for suites in which a server ends, is killed, or won't start.

import { type ChildProcess, spawn } from 'node:child_process'
import { rm } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { afterEach, expect } from 'vitest'
import { temporaryFolder } from '../local/support.ts'

export const ADMIN = 'the-operator-of-this-suite'
/** On a machine that does other things, too. */
export const START_MS = 150_000
const stores = [
  ...['REDIS_URL', 'COUNTER_DATABASES', 'DATABASE_URL'],
  ...['UPSTASH_REDIS_REST_URL', 'UPSTASH_REDIS_REST_TOKEN'],
]

export type Started = { child: ChildProcess; lines: string[]; ended: Promise<number | null> }

/** What ends with the test, the last one first. */
export const closing: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

/** With stores that `env` names, or embedded ones. */
export async function start(env: Record<string, string>): Promise<Started> {
  const folder = await temporaryFolder()
  const clean = Object.entries(process.env).filter(([name]) => !stores.includes(name))
  const child = spawn(process.execPath, ['src/node.ts'], {
    env: { ...Object.fromEntries(clean), PORT: '0', DATA_DIR: folder.path, ADMIN_TOKEN: ADMIN, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const lines: string[] = []
  for (const stream of [child.stdout!, child.stderr!])
    createInterface({ input: stream }).on('line', (line) => lines.push(line))
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve))
  closing.push(async () => {
    child.kill('SIGTERM')
    await ended
    await rm(folder.path, { recursive: true, force: true })
  })
  return { child, lines, ended }
}

/** Once it says where it is. */
export async function urlOf({ lines }: Started): Promise<string> {
  const address = () => lines.map((line) => /^Tollgate is at (http:\S+)/.exec(line)?.[1]).find(Boolean)
  await expect
    .poll(() => address() ?? lines, { timeout: START_MS, interval: 200 })
    .toEqual(expect.any(String))
  return address()!
}

export const call = async (url: string, method: string, path: string, token: string, body?: unknown) => {
  const response = await fetch(url + path, {
    method,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    ...(body !== undefined && { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(20_000),
  })
  // biome-ignore lint/suspicious/noExplicitAny: the tests look into answers of every form
  return { status: response.status, body: (await response.json()) as any }
}

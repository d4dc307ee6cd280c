import { spawn } from 'node:child_process'
import { cp, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { startWorker, type Worker, type WorkerOptions } from '../../src/local/worker-process.ts'
import { runningInGroup } from './processes.ts'
import { temporaryFolder } from './support.ts'

const fixture = fileURLToPath(new URL('fixture-worker', import.meta.url))
/** A copy of it: wrangler leaves files beside the configuration. */
let config = ''
let copy: Awaited<ReturnType<typeof temporaryFolder>>

beforeAll(async () => {
  copy = await temporaryFolder()
  await cp(fixture, copy.path, { recursive: true })
  config = join(copy.path, 'wrangler.toml')
})
afterAll(() => copy.remove())

const started: Worker[] = []

async function start(options: Partial<WorkerOptions> = {}): Promise<Worker> {
  const worker = await startWorker({ env: {}, config, ...options })
  started.push(worker)
  return worker
}
afterEach(async () => {
  for (const worker of started.splice(0)) await worker.close()
})

async function portOf(server: ReturnType<typeof createServer>): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as { port: number }).port
}

describe('a Worker in a process of its own', () => {
  test('has its variables as they were given, runs its cron, and leaves no process when it is closed', async () => {
    const env = {
      PLAIN: 'postgresql://u:p%40ss@127.0.0.1:1/db?a=b',
      ODD: 'a$HOME $x{y} \\n "quoted" # no comment = ü ',
    }
    const lines: string[] = []
    const worker = await start({ env, onLine: (line) => lines.push(line) })
    const ask = async () =>
      (await (await fetch(`${worker.url}/somewhere`)).json()) as { env: unknown; runs: number }
    expect(await ask()).toEqual({ path: '/somewhere', env, runs: 0 })
    await worker.fireCron()
    expect((await ask()).runs).toBe(1)
    await expect.poll(() => lines).toContain('run 1')

    expect((await runningInGroup(worker.pid)).length).toBeGreaterThan(1)
    await worker.close()
    await worker.exited
    expect(await runningInGroup(worker.pid)).toEqual([])
    const again = createServer()
    await new Promise<void>((resolve) => again.listen(Number(new URL(worker.url).port), '127.0.0.1', resolve))
    again.close()
  })

  test('finds in its buckets what it put there before it was started again, where a state is kept', async () => {
    const state = join(copy.path, 'state')
    const kept = async (worker: Worker) => (await fetch(`${worker.url}/kept`)).text()
    const first = await start({ state })
    expect(await kept(first)).toBe('nothing')
    await fetch(`${first.url}/kept`, { method: 'PUT', body: 'what was said' })
    await first.close()
    expect(await kept(await start({ state }))).toBe('what was said')
  })

  test('says when its scheduled run failed', async () => {
    const worker = await start({ env: { FAIL_CRON: 'yes' } })
    await expect(worker.fireCron()).rejects.toThrow('The scheduled run failed')
  })

  test('is gone when the process that started it is killed', async () => {
    const script = `
      const { startWorker } = await import(${JSON.stringify(new URL('../../src/local/worker-process.ts', import.meta.url).href)})
      const { pid } = await startWorker({ env: {}, config: process.argv[1] })
      process.stdout.write(String(pid))`
    const parent = spawn(process.execPath, ['--input-type=module', '-e', script, config], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const group = await new Promise<number>((resolve) =>
      parent.stdout.once('data', (text) => resolve(Number(text))),
    )
    expect((await runningInGroup(group)).length).toBeGreaterThan(1)
    parent.kill('SIGKILL')
    await expect.poll(() => runningInGroup(group), { timeout: 20_000 }).toEqual([])
  })
})

describe('a start that fails', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  beforeEach(async () => {
    folder = await temporaryFolder()
  })
  afterEach(() => folder.remove())

  test('on a port that is taken says which, and what to do', async () => {
    const server = createServer()
    const port = await portOf(server)
    await expect(start({ port })).rejects.toThrow(`Port ${port} is taken. Stop what uses it, or set PORT`)
    server.close()
  })

  test('shows what wrangler says about a Worker that can’t be built', async () => {
    const broken = join(folder.path, 'wrangler.toml')
    await writeFile(broken, 'name = "broken"\nmain = "worker.ts"\ncompatibility_date = "2026-10-01"\n')
    await writeFile(
      join(folder.path, 'worker.ts'),
      'import { nothing } from "./missing.ts"\nexport default { fetch: nothing }\n',
    )
    await expect(start({ config: broken })).rejects.toThrow(/missing\.ts/)
  })

  test('refuses a .dev.vars that would replace its variables', async () => {
    await writeFile(join(folder.path, '.dev.vars'), 'A=1\n')
    await expect(start({ config: join(folder.path, 'wrangler.toml') })).rejects.toThrow(/\.dev\.vars/)
  })

  test('can be called off', async () => {
    const aborted = new AbortController()
    const starting = start({ signal: aborted.signal })
    setTimeout(() => aborted.abort(), 200)
    await expect(starting).rejects.toThrow()
  })
})

// Runs the Worker as Cloudflare would, in a `wrangler dev` of its own, on the loopback interface.

import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, writeFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { stripVTControlCharacters } from 'node:util'
import { endGroup, killGroup } from './process-group.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
const wrangler = join(root, 'node_modules/wrangler/bin/wrangler.js')
const dieWithParent = new URL('die-with-parent.ts', import.meta.url).href

const READY_WITHIN_MS = 90_000
/** What is shown of wrangler's output when it fails. */
const OUTPUT_LINES = 40

export type WorkerOptions = {
  /** The Worker's variables and secrets. */
  env: Record<string, string>
  /** 0, or left out: any free one */
  port?: number
  /** wrangler.toml of another Worker */
  config?: string
  /** Where what is in its buckets stays; left out: it goes with the process. */
  state?: string
  /** Every line that wrangler and the Worker write. */
  onLine?: (line: string) => void
  /** Ends the start. */
  signal?: AbortSignal
}

export type Worker = {
  url: string
  pid: number
  /** Resolves when the scheduled run is over; throws if it failed. */
  fireCron(): Promise<void>
  /** Resolves when the process has ended, whoever ended it. */
  exited: Promise<void>
  close(): Promise<void>
  /** At once, for when there is no time to wait. */
  kill(): void
}

export async function startWorker(options: WorkerOptions): Promise<Worker> {
  const { env, port = 0, config, onLine, signal } = options
  const configFile = config ?? join(root, 'wrangler.toml')
  const overriding = join(dirname(configFile), '.dev.vars')
  if (existsSync(overriding))
    throw new Error(`${overriding} would replace the variables of the local backends. Move it away.`)
  const chosen = await freePort(port)
  signal?.throwIfAborted()
  const scratch = mkdtempSync(join(tmpdir(), 'tollgate-worker-'))
  const envFile = join(scratch, 'env')
  writeFileSync(envFile, envText(env), { mode: 0o600 })
  const state = options.state ?? join(scratch, 'state')
  const child = launch(configFile, chosen, { envFile, scratch, state })
  const exited = new Promise<void>((resolve) => child.once('close', () => resolve()))
  let closed: Promise<void> | undefined
  const close = () => {
    closed ??= endGroup(child).then(() => rm(scratch, { recursive: true, force: true }))
    return closed
  }
  const url = `http://127.0.0.1:${chosen}`
  try {
    signal?.addEventListener('abort', close)
    await ready(child, url, onLine ?? (() => {}))
    signal?.removeEventListener('abort', close)
  } catch (error) {
    await close()
    throw error
  }
  return { url, pid: child.pid!, fireCron: () => fireCron(url), exited, close, kill: () => killGroup(child) }
}

function launch(
  configFile: string,
  port: number,
  { envFile, scratch, state }: { envFile: string; scratch: string; state: string },
): ChildProcess {
  const args = ['--import', dieWithParent, wrangler, 'dev', '--config', configFile]
  args.push('--ip', '127.0.0.1', '--port', String(port), '--inspector-port', '0', '--env-file', envFile)
  args.push('--persist-to', state, '--show-interactive-dev-session=false')
  return spawn(process.execPath, args, {
    cwd: dirname(configFile),
    // A group of its own: a Ctrl-C in the terminal does not reach it, and it can be ended as a whole.
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    env: {
      ...process.env,
      // It stays offline, and keeps its logs and registry out of the home directory.
      WRANGLER_SEND_METRICS: 'false',
      WRANGLER_SEND_ERROR_REPORTS: 'false',
      WRANGLER_HIDE_BANNER: 'true',
      CLOUDFLARE_CF_FETCH_ENABLED: 'false',
      TOLLGATE_SCRATCH: scratch,
      WRANGLER_LOG_PATH: join(scratch, 'logs'),
      WRANGLER_REGISTRY_PATH: join(scratch, 'registry'),
      NO_COLOR: '1',
      FORCE_COLOR: '0',
    },
  })
}

/** Until the Worker answers. Wrangler goes on after a build that failed; here that is the end, with what it wrote. */
function ready(child: ChildProcess, url: string, onLine: (line: string) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const output: string[] = []
    let settled = false
    const impatience = setTimeout(
      () => fail(`The Worker did not start within ${READY_WITHIN_MS / 1000} s`),
      READY_WITHIN_MS,
    )
    const settle = (act: () => void) => {
      if (settled) return
      settled = true
      clearTimeout(impatience)
      act()
    }
    const fail = (reason: string) =>
      settle(() => reject(new Error([reason, ...output.slice(-OUTPUT_LINES)].join('\n'))))
    for (const stream of [child.stdout!, child.stderr!]) {
      createInterface({ input: stream }).on('line', (coloured) => {
        const line = stripVTControlCharacters(coloured)
        onLine(line)
        if (settled) return
        output.push(line)
        // The rest of the message follows it.
        if (line.includes('[ERROR]')) setTimeout(fail, 300, 'The Worker does not start')
      })
    }
    child.once('error', (error) => fail(error.message))
    child.once('close', (code, signal) => fail(`wrangler ended with ${signal ?? `code ${code}`}`))
    child.once('message', () => {
      // Its proxy listens, and holds this request until the Worker is there.
      fetch(`${url}/health`, { signal: AbortSignal.timeout(READY_WITHIN_MS) }).then(
        () => settle(resolve),
        (error) => fail(String(error.cause ?? error)),
      )
    })
  })
}

async function fireCron(url: string): Promise<void> {
  const response = await fetch(`${url}/cdn-cgi/handler/scheduled?cron=*+*+*+*+*`)
  const outcome = await response.text()
  if (!response.ok || outcome !== 'ok')
    throw new Error(`The scheduled run failed: ${outcome || response.status}`)
}

/** Wrangler would take another port without a word. */
async function freePort(port: number): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const taken = error.code === 'EADDRINUSE'
      reject(
        taken ? new Error(`Port ${port} is taken. Stop what uses it, or set PORT to another one.`) : error,
      )
    })
    server.listen(port, '127.0.0.1', () => resolve())
  })
  const { port: free } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return free
}

/** As dotenv reads it: quoted, and with no `$` expanded. */
function envText(env: Record<string, string>): string {
  const lines = Object.entries(env).map(([name, value]) => {
    if (/['\n\r]/.test(value)) throw new Error(`${name} must not contain a quote or a line break`)
    return `${name}='${value.replaceAll('$', '\\$')}'\n`
  })
  return lines.join('')
}

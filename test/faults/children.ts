// Processes that a run starts, and its temporary folder. However the run ends, neither outlives it.

import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

const LINES_KEPT = 300

const alive = new Map<ChildProcess, NodeJS.Signals>()
const folders = new Set<string>()

function clear(): void {
  for (const [child, signal] of alive) {
    child.kill('SIGCONT')
    child.kill(signal)
  }
  alive.clear()
  for (const folder of folders)
    rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 })
  folders.clear()
}

process.on('exit', clear)
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(130))

/** Others may pass through it: Postgres runs as a user of its own. */
export function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'tollgate-faults-'))
  chmodSync(folder, 0o711)
  folders.add(folder)
  return folder
}

export function removeFolder(folder: string): void {
  rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 })
  folders.delete(folder)
}

export class Child {
  readonly #process: ChildProcess
  /** the last lines that it wrote */
  readonly lines: string[] = []
  readonly ended: Promise<{ code: number | null; signal: NodeJS.Signals | null }>
  /** A child that is stopped by SIGSTOP gets no other signal before SIGCONT, but SIGKILL. */
  paused = false

  /** `atExit`: the signal that ends it should the run end first. */
  constructor(command: string, args: string[], options: SpawnOptions, atExit: NodeJS.Signals = 'SIGKILL') {
    this.#process = spawn(command, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] })
    alive.set(this.#process, atExit)
    for (const stream of [this.#process.stdout!, this.#process.stderr!]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        this.lines.push(...text.split('\n').filter((line) => line !== ''))
        this.lines.splice(0, this.lines.length - LINES_KEPT)
      })
    }
    this.ended = new Promise((resolve) => {
      this.#process.once('error', (error) => {
        this.lines.push(error.message)
        alive.delete(this.#process)
        resolve({ code: -1, signal: null })
      })
      this.#process.once('exit', (code, signal) => {
        alive.delete(this.#process)
        resolve({ code, signal })
      })
    })
  }

  get pid(): number {
    return this.#process.pid!
  }

  get running(): boolean {
    return alive.has(this.#process)
  }

  kill(signal: NodeJS.Signals): void {
    this.#process.kill(signal)
    if (signal === 'SIGSTOP') this.paused = true
    if (signal === 'SIGCONT') this.paused = false
  }

  /** Sends the signal and waits for the end. */
  async end(signal: NodeJS.Signals): Promise<{ code: number | null; signal: NodeJS.Signals | null }> {
    if (this.paused && signal !== 'SIGKILL') this.kill('SIGCONT')
    this.#process.kill(signal)
    return await this.ended
  }
}

/** A port that nobody listens on at present. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number }
      server.close(() => resolve(port))
    })
  })
}

/** Tries until it succeeds; throws the last error, with `what`, when `withinMs` have passed. */
export async function eventually<T>(what: string, withinMs: number, body: () => Promise<T>): Promise<T> {
  const until = performance.now() + withinMs
  for (;;) {
    try {
      return await body()
    } catch (error) {
      if (performance.now() > until)
        throw new Error(`${what}: not within ${withinMs / 1000} s: ${(error as Error).message}`, {
          cause: error,
        })
      await sleep(50)
    }
  }
}

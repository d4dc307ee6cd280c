// The app as people run it, in a process of its own on a port that stays: `node src/node.ts`.

import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Child, eventually } from './children.ts'

const ENTRY = fileURLToPath(new URL('../../src/node.ts', import.meta.url))
/** Draining may take 10 s, and each store's answer as long as its timeout. */
const STOP_MS = 60_000
/** Embedded Postgres takes a minute to start where much else is at work. */
const READY_MS = 180_000

export type AppOptions = { folder: string; port: number; env: Record<string, string> }

/** Starts again whenever it ends, as a container with `restart: unless-stopped` would, until it is stopped. */
export class App {
  readonly baseUrl: string
  readonly #options: AppOptions
  readonly #tell: (violation: string) => void
  #child: Child | null = null
  #wanted = false
  #expected = new Set<Child>()
  starts = 0

  /** `tell`: of an end that nobody asked for. */
  constructor(options: AppOptions, tell: (violation: string) => void) {
    this.#options = options
    this.#tell = tell
    this.baseUrl = `http://127.0.0.1:${options.port}`
  }

  start(): void {
    this.#wanted = true
    if (!this.#child?.running) this.#spawn()
  }

  #spawn(): void {
    const { folder, port, env } = this.#options
    const { PATH = '' } = process.env
    const child = new Child(process.execPath, [ENTRY], {
      cwd: folder,
      env: { PATH, PORT: String(port), DATA_DIR: folder, ...env },
    })
    this.#child = child
    this.starts++
    void this.#watch(child)
  }

  async #watch(child: Child): Promise<void> {
    const { code, signal } = await child.ended
    const served = child.lines.some((line) => line.includes('Tollgate is at'))
    // Without its stores it may refuse to start; once it serves, nothing but us may end it.
    if (served && !this.#expected.has(child)) {
      const last = child.lines.slice(-15).join('\n')
      this.#tell(`the app ended by itself, with ${signal ?? `code ${code}`}\n${last}`)
    }
    await sleep(100)
    if (this.#wanted && this.#child === child) this.#spawn()
  }

  async ready(): Promise<void> {
    await eventually('The app is ready', READY_MS, async () => {
      const response = await fetch(`${this.baseUrl}/ready`, { signal: AbortSignal.timeout(10_000) })
      const text = await response.text()
      if (response.status !== 200) throw new Error(text)
    })
  }

  get pid(): number {
    return this.#child!.pid
  }

  get running(): boolean {
    return this.#child?.running ?? false
  }

  get log(): string[] {
    return this.#child?.lines ?? []
  }

  /** Kills it at once; it starts again by itself. */
  kill(): void {
    if (!this.#child) return
    this.#expected.add(this.#child)
    this.#child.kill('SIGKILL')
  }

  /** An orderly end must be one, within its time, whatever goes on; it starts again by itself. */
  async terminate(): Promise<void> {
    const child = this.#child
    if (!child?.running) return
    this.#expected.add(child)
    const served = child.lines.some((line) => line.includes('Tollgate is at'))
    const killed = setTimeout(() => {
      this.#tell(`SIGTERM did not end the app within ${STOP_MS / 1000} s`)
      child.kill('SIGKILL')
    }, STOP_MS)
    const { code, signal } = await child.end('SIGTERM')
    clearTimeout(killed)
    if (served && code !== 0 && signal !== 'SIGKILL')
      this.#tell(
        `after SIGTERM the app ended with ${signal ?? `code ${code}`}\n${child.lines.slice(-15).join('\n')}`,
      )
  }

  /** For good. */
  async stop(): Promise<void> {
    this.#wanted = false
    await this.terminate()
  }

  pause(): void {
    if (this.running) this.#child!.kill('SIGSTOP')
  }

  resume(): void {
    if (this.#child?.paused) this.#child.kill('SIGCONT')
  }
}

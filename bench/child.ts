// Servers and the load generator, each in a process of its own, none of which outlives this one.

import { type ChildProcess, fork } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { closing } from './closing.ts'

/** A machine that does much else takes a minute to start embedded stores. */
const START_MS = 180_000
const children = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL')
})

/** `script`: relative to this folder, or a whole path. */
export function start(script: string, env: Record<string, string> = {}): ChildProcess {
  const { PATH = '' } = process.env
  const child = fork(fileURLToPath(new URL(script, import.meta.url)), [], {
    env: { PATH, ...env },
    silent: true,
  })
  children.add(child)
  child.once('error', () => children.delete(child))
  child.once('exit', () => children.delete(child))
  return child
}

export type Server = { port: number; pid: number; close(): Promise<void> }

/** Resolves when it has written its address. */
export async function startServer(script: string, env: Record<string, string>): Promise<Server> {
  const child = start(script, { ...env, PORT: '0' })
  const output: string[] = []
  const port = await new Promise<number>((resolve, reject) => {
    const fail = (why: string) => {
      clearTimeout(impatience)
      child.kill('SIGKILL')
      reject(new Error([`${script} ${why}`, ...output].join('\n')))
    }
    const impatience = setTimeout(fail, START_MS, 'does not start')
    child.once('error', (error) => fail(error.message))
    child.once('exit', (code) => fail(`ended with code ${code}`))
    for (const stream of [child.stdout!, child.stderr!]) {
      createInterface({ input: stream }).on('line', (line) => {
        if (output.length < 40) output.push(line)
        const address = /http:\/\/127\.0\.0\.1:(\d+)/.exec(line)
        if (!address) return
        clearTimeout(impatience)
        resolve(Number(address[1]))
      })
    }
  })
  return { port, pid: child.pid!, close: closing(() => ended(child)) }
}

export function ended(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) return resolve()
    child.once('exit', () => resolve())
    child.kill('SIGTERM')
  })
}

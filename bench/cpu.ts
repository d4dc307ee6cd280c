// Processor time of processes, from /proc: what a measurement was limited by. Elsewhere than on Linux there is none.

import { readdirSync, readFileSync } from 'node:fs'

const TICKS_PER_SECOND = 100

/** So far, user and system; null: it can't be told. */
export function cpuSeconds(pid: number): number | null {
  try {
    // The name, in brackets, may have spaces; utime and stime are the 14th and 15th fields.
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ')
    return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND
  } catch {
    return null
  }
}

/** Of all processes of this name, whoever uses them. */
export function pidsNamed(name: string): number[] {
  try {
    return readdirSync('/proc')
      .map(Number)
      .filter((pid) => pid > 0 && nameOf(pid) === name)
  } catch {
    return []
  }
}

export const childrenOf = (parent: number): number[] =>
  readdirSync('/proc')
    .map(Number)
    .filter((pid) => pid > 0 && parentOf(pid) === parent)

function parentOf(pid: number): number {
  try {
    return Number(readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ')[1])
  } catch {
    return 0
  }
}

function nameOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim()
  } catch {
    return ''
  }
}

/** Cores that the whole machine was busy with since the last call, other people's work too. */
export function machineMeter(): () => number {
  const read = () => {
    const [user, nice, system, idle, wait, irq, soft, steal] = readFileSync('/proc/stat', 'utf8')
      .split('\n')[0]!
      .trim()
      .split(/\s+/)
      .slice(1)
      .map(Number) as [number, number, number, number, number, number, number, number]
    return { busy: user + nice + system + irq + soft + steal, atMs: performance.now(), idle: idle + wait }
  }
  let last = read()
  return () => {
    const now = read()
    const cores = (now.busy - last.busy) / TICKS_PER_SECOND / ((now.atMs - last.atMs) / 1000)
    last = now
    return cores
  }
}

/** Processor time that each of these took since, by its name; several pids of one name together. */
export function cpuMeter(processes: { name: string; pids: () => number[] }[]): () => Record<string, number> {
  const read = () =>
    new Map(processes.flatMap(({ pids }) => pids().map((pid) => [pid, cpuSeconds(pid) ?? 0] as const)))
  const before = read()
  return () => {
    const now = read()
    return Object.fromEntries(
      processes.map(({ name, pids }) => [
        name,
        pids().reduce((sum, pid) => sum + (now.get(pid) ?? 0) - (before.get(pid) ?? 0), 0),
      ]),
    )
  }
}

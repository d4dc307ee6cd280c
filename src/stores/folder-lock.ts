// A lock on a folder or file that only one process may have open: a file next to it that names the process. PGlite itself
// has none, and two on one folder destroy it; nor has an append-only file.

import { linkSync, readFileSync, renameSync, unlinkSync, writeFileSync } from 'node:fs'

const ATTEMPTS = 5

/** Returns what releases the lock. Throws if a living process holds it; takes over from a dead one. */
export function lockFolder(folder: string): () => void {
  const file = `${folder}.lock`
  const own = JSON.stringify({ pid: process.pid, started: startOf(process.pid) })
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    if (created(file, own)) return () => release(file, own)
    const found = contentOf(file)
    if (found === null) continue
    const holder = holderOf(found)
    if (holder !== null) {
      const who = holder === process.pid ? 'this process already' : `another process, pid ${holder}`
      throw new Error(`The database in ${folder} is open in ${who}. Stop it, or choose another DATA_DIR.`)
    }
    bury(file, found)
  }
  throw new Error(`The lock file ${file} can't be taken. Remove it if no process uses ${folder}.`)
}

/** Written aside and linked into place: whoever sees the lock sees its content, too. */
function created(file: string, content: string): boolean {
  const draft = unusedName(file)
  writeFileSync(draft, content)
  try {
    linkSync(draft, file)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  } finally {
    unlinkSync(draft)
  }
}

const unusedName = (file: string) => `${file}.${process.pid}.${Math.random().toString(36).slice(2)}`

function contentOf(file: string): string | null {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return null
  }
}

/** The pid in a lock file, if that process still lives. */
function holderOf(content: string): number | null {
  let holder: { pid?: unknown; started?: unknown }
  try {
    holder = JSON.parse(content)
  } catch {
    return null
  }
  const { pid, started } = holder
  if (typeof pid !== 'number' || !alive(pid)) return null
  // After a restart of the machine another process may have the pid.
  const startedNow = startOf(pid)
  return started !== null && startedNow !== null && started !== startedNow ? null : pid
}

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** When a process started, where the system tells (Linux): the boot, and the clock ticks since it. */
function startOf(pid: number): string | null {
  const stat = contentOf(`/proc/${pid}/stat`)
  const boot = contentOf('/proc/sys/kernel/random/boot_id')
  if (stat === null || boot === null) return null
  const afterName = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return `${boot.trim()}/${afterName[19]}`
}

/** Removes a dead process's lock, but not one that somebody else has put there since it was read. */
function bury(file: string, content: string): void {
  const grave = unusedName(file)
  try {
    renameSync(file, grave)
  } catch {
    return
  }
  try {
    if (contentOf(grave) !== content) linkSync(grave, file)
  } catch {
    // A third process has the lock by now; the next attempt finds that out.
  } finally {
    unlinkSync(grave)
  }
}

function release(file: string, own: string): void {
  if (contentOf(file) === own) unlinkSync(file)
}

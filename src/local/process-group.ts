// Ending a process together with everything that it has started.

import { type ChildProcess, execFile } from 'node:child_process'

const GRACE_MS = 4_000
const LAST_MS = 4_000
const STEP_MS = 25

/** `child` must lead its process group (`detached`). Resolves when none of the group is left. */
export async function endGroup(child: ChildProcess): Promise<void> {
  const { pid } = child
  if (pid === undefined) return
  if (process.platform === 'win32') {
    await new Promise<void>((resolve) =>
      execFile('taskkill', ['/pid', String(pid), '/T', '/F'], () => resolve()),
    )
    return
  }
  signal(pid, 'SIGTERM')
  if (await gone(pid, GRACE_MS)) return
  signal(pid, 'SIGKILL')
  await gone(pid, LAST_MS)
}

export function killGroup({ pid }: ChildProcess): void {
  if (pid !== undefined) signal(pid, 'SIGKILL')
}

function signal(group: number, name: NodeJS.Signals | 0): boolean {
  try {
    process.kill(-group, name)
    return true
  } catch {
    return false
  }
}

async function gone(group: number, withinMs: number): Promise<boolean> {
  for (let waited = 0; waited < withinMs; waited += STEP_MS) {
    if (!signal(group, 0)) return true
    await new Promise((resolve) => setTimeout(resolve, STEP_MS))
  }
  return false
}

// Loaded into wrangler (node --import): when the process that started it is gone, however it went, nothing of wrangler
// may stay. The channel to the parent closes then.

import { rmSync } from 'node:fs'

process.on('disconnect', () => {
  const scratch = process.env.TOLLGATE_SCRATCH
  if (scratch) rmSync(scratch, { recursive: true, force: true })
  try {
    // The launcher leads the process group; its children find that they don't, and just end.
    process.kill(-process.pid, 'SIGKILL')
  } catch {
    process.exit(1)
  }
})

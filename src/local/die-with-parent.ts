// Loaded into wrangler (node --import): when the process that started it is gone, however it went, nothing of wrangler
// may stay. The channel to the parent closes then.

process.on('disconnect', () => {
  try {
    // The launcher leads the process group; its children find that they don't, and just end.
    process.kill(-process.pid, 'SIGKILL')
  } catch {
    process.exit(1)
  }
})

// A Worker that says what it was given.

let runs = 0

export default {
  fetch(request: Request, env: Record<string, string>): Response {
    return Response.json({ path: new URL(request.url).pathname, env, runs })
  },

  async scheduled(_event: unknown, env: Record<string, string>): Promise<void> {
    if (env.FAIL_CRON) throw new Error('the run failed')
    await new Promise((resolve) => setTimeout(resolve, 50))
    runs++
    console.log(`run ${runs}`)
  },
}

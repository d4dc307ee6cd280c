// A Worker that says what it was given, and keeps what it is told in a bucket.

type Bucket = {
  put(name: string, content: string): Promise<unknown>
  get(name: string): Promise<{ text(): Promise<string> } | null>
}
type Env = Record<string, string> & { BUCKET: Bucket }

let runs = 0

export default {
  async fetch(request: Request, { BUCKET, ...env }: Env): Promise<Response> {
    const path = new URL(request.url).pathname
    if (path === '/kept') {
      if (request.method === 'PUT') await BUCKET.put('kept', await request.text())
      return new Response((await (await BUCKET.get('kept'))?.text()) ?? 'nothing')
    }
    return Response.json({ path, env, runs })
  },

  async scheduled(_event: unknown, env: Record<string, string>): Promise<void> {
    if (env.FAIL_CRON) throw new Error('the run failed')
    await new Promise((resolve) => setTimeout(resolve, 50))
    runs++
    console.log(`run ${runs}`)
  },
}

// Before everything stops: what only memory holds is settled.

const TIMEOUT_MS = 60_000
/** Each run settles some segments; so many are more than a backlog can be. */
const RUNS = 200

type Report = { settled_segments: number; settled_counters: number; remaining: number; too_young: number }

export async function lastFlush(
  baseUrl: string,
  adminToken: string,
  log: (line: string) => void,
): Promise<void> {
  let counters = 0
  for (let run = 0; run < RUNS; run++) {
    const response = await fetch(`${baseUrl}/api/v1/flush`, {
      method: 'POST',
      headers: { authorization: `Bearer ${adminToken}` },
      signal: AbortSignal.timeout(TIMEOUT_MS),
    })
    if (!response.ok) throw new Error(`The last flush failed: ${response.status} ${await response.text()}`)
    const { settled_counters, settled_segments, remaining, too_young } = (await response.json()) as Report
    counters += settled_counters
    if (remaining > 0 && settled_segments > 0) continue
    const settled =
      counters === 0
        ? 'nothing was left to settle'
        : `settled ${counters} counter${counters === 1 ? '' : 's'}`
    const rest = remaining + too_young
    log(`last flush: ${settled}${rest > 0 ? `; segments that stay in Redis for later: ${rest}` : ''}`)
    return
  }
}

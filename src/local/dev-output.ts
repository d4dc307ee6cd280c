// What `npm run dev` shows.

type Shown = {
  url: string
  adminToken: string
  apiKey: string
  customerId: string
  dataDir: string
  redisUrl: string | undefined
  databaseUrl: string | undefined
  everySeconds: number
}

export function welcome(shown: Shown): string {
  const { url, adminToken, apiKey, customerId, dataDir, redisUrl, databaseUrl, everySeconds } = shown
  const key = `-H 'Authorization: Bearer ${apiKey}'`
  const event = JSON.stringify({ customer_id: customerId, resource_type: 'api_call', quantity: 100 })
  const kept =
    databaseUrl === undefined
      ? `settled usage in ${dataDir}`
      : 'settled usage in the database at DATABASE_URL'
  const counted =
    redisUrl === undefined
      ? `counters until they are settled, and event ids, in memory and in ${dataDir}: Ctrl-C and a crash keep them`
      : 'counters in the Redis at REDIS_URL'
  return `
Tollgate is at  ${url}   (reference: ${url}/docs)
API key         ${apiKey}
Admin token     ${adminToken}
Data            ${kept};
                ${counted}

Record usage:
  curl -X POST ${url}/api/v1/usage ${key} -H 'Content-Type: application/json' -d '${event}'
The bill so far:
  curl ${url}/api/v1/billing/${customerId} ${key}
Settle now, and read the bill again: the same, to the cent:
  curl -X POST ${url}/api/v1/flush -H 'Authorization: Bearer ${adminToken}'

The aggregator runs every ${everySeconds} s. Ctrl-C stops everything.
`
}

/** Wrangler's own lines: its log of requests, and what it says around reloads. */
export const isNoise = (line: string): boolean => line.trim() === '' || line.startsWith('[wrangler:info]')

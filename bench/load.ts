// The load generator: a process of its own, with connections that it keeps and one request under way on each. It speaks
// just enough HTTP/1.1 to take little of the two cores that the server needs.

import { connect, type Socket } from 'node:net'
import { percentile } from './measure.ts'
import { CUSTOMERS, QUANTITY, RESOURCE_TYPE } from './workload.ts'

export type LoadJob = {
  port: number
  method: 'GET' | 'POST'
  path: string
  headers: Record<string, string>
  /** several tenants: connection n sends those of the nth, and again from the first */
  tenants?: Record<string, string>[]
  connections: number
  /** events a request; 1 is sent as an object, more as an array */
  batch: number
  ms: number
  /** requests a second over all connections; as many as it can if absent */
  perSecond?: number
  /** begins the events' ids: no other job may have it */
  run: string
}

export type LoadResult = {
  requests: number
  events: number
  /** of each of several tenants */
  eventsOf: number[]
  seconds: number
  p50Ms: number
  p99Ms: number
  /** share of one core that this process took */
  busy: number
}

export type LoadAnswer = { result: LoadResult } | { error: string }

process.on('message', (job: LoadJob) => {
  run(job).then(
    (result) => process.send!({ result } satisfies LoadAnswer),
    (error: Error) => process.send!({ error: error.message } satisfies LoadAnswer),
  )
})

async function run(job: LoadJob): Promise<LoadResult> {
  const sockets = await Promise.all(Array.from({ length: job.connections }, () => connected(job.port)))
  const nextBody = bodies(job)
  const latencies: number[] = []
  const requestsOf = (job.tenants ?? [{}]).map(() => 0)
  const cpu = process.cpuUsage()
  const startedAt = performance.now()
  const until = startedAt + job.ms
  // Each connection has its turn, so that requests don't come in bursts.
  const everyMs = job.perSecond === undefined ? 0 : (1_000 * job.connections) / job.perSecond
  try {
    await Promise.all(
      sockets.map((socket, i) => {
        const first = startedAt + (i * everyMs) / job.connections
        const tenant = i % requestsOf.length
        const headers = job.tenants?.[tenant] ?? job.headers
        const answered = (ms: number) => {
          latencies.push(ms)
          requestsOf[tenant]!++
        }
        return keepAsking(socket, { ...job, headers }, nextBody, until, answered, { first, everyMs })
      }),
    )
  } finally {
    for (const socket of sockets) socket.destroy()
  }
  const seconds = (performance.now() - startedAt) / 1000
  const { user, system } = process.cpuUsage(cpu)
  return {
    requests: latencies.length,
    events: latencies.length * job.batch,
    eventsOf: requestsOf.map((requests) => requests * job.batch),
    seconds,
    p50Ms: percentile(latencies, 0.5),
    p99Ms: percentile(latencies, 0.99),
    busy: (user + system) / 1e6 / seconds,
  }
}

function connected(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true }, () => resolve(socket))
    socket.once('error', reject)
  })
}

function bodies({ run, batch }: LoadJob): () => string {
  let n = 0
  const event = () => {
    n++
    return `{"id":"req_${run}_${n}","customer_id":"customer_${n % CUSTOMERS}","resource_type":"${RESOURCE_TYPE}","quantity":"${QUANTITY}"}`
  }
  if (batch === 1) return event
  return () => {
    let body = event()
    for (let i = 1; i < batch; i++) body += `,${event()}`
    return `[${body}]`
  }
}

/** Sends the next request when the one before it is answered, and not before its time, until the time is over. */
function keepAsking(
  socket: Socket,
  { port, method, path, headers }: LoadJob,
  nextBody: () => string,
  until: number,
  answered: (ms: number) => void,
  pace: { first: number; everyMs: number },
): Promise<void> {
  const fields = Object.entries({ host: `127.0.0.1:${port}`, ...headers }).map(
    ([name, value]) => `${name}: ${value}\r\n`,
  )
  const head = `${method} ${path} HTTP/1.1\r\n${fields.join('')}content-type: application/json\r\ncontent-length: `
  return new Promise((resolve, reject) => {
    let askedAt = 0
    let dueAt = pace.first
    const askInTime = () => {
      const early = dueAt - performance.now()
      dueAt += pace.everyMs
      if (early >= 1) setTimeout(ask, early)
      else ask()
    }
    const ask = () => {
      const body = method === 'GET' ? '' : nextBody()
      askedAt = performance.now()
      socket.write(`${head}${body.length}\r\n\r\n${body}`, 'latin1')
    }
    const take = answers((problem) => {
      const now = performance.now()
      answered(now - askedAt)
      if (problem !== null) reject(new Error(problem))
      else if (now < until) askInTime()
      else resolve()
    })
    socket.on('data', take)
    socket.on('error', reject)
    socket.on('close', () => reject(new Error('The server closed a connection')))
    askInTime()
  })
}

const HEAD_END = Buffer.from('\r\n\r\n')
const LAST_CHUNK = Buffer.from('0\r\n\r\n')

/** Finds the end of each answer; its body is not kept. `done` gets what is wrong with it, or null. */
function answers(done: (problem: string | null) => void): (data: Buffer) => void {
  let head: Buffer = Buffer.alloc(0)
  let bodyBytesLeft = -1
  let chunked = false
  let problem: string | null = null
  const finished = () => {
    bodyBytesLeft = -1
    chunked = false
    done(problem)
  }
  return (data) => {
    if (chunked) {
      if (data.subarray(-LAST_CHUNK.length).equals(LAST_CHUNK)) finished()
      return
    }
    if (bodyBytesLeft < 0) {
      head = head.length === 0 ? data : Buffer.concat([head, data])
      const end = head.indexOf(HEAD_END)
      if (end < 0) return
      const text = head.toString('latin1', 0, end)
      data = head.subarray(end + HEAD_END.length)
      head = Buffer.alloc(0)
      problem = text.startsWith('HTTP/1.1 200')
        ? null
        : `${text.split('\r\n')[0]}: ${data.toString().slice(0, 500)}`
      const length = /\r\ncontent-length: *(\d+)/i.exec(text)
      if (length === null) {
        chunked = true
        if (data.subarray(-LAST_CHUNK.length).equals(LAST_CHUNK)) finished()
        return
      }
      bodyBytesLeft = Number(length[1])
    }
    bodyBytesLeft -= data.length
    if (bodyBytesLeft === 0) finished()
  }
}

import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { createRedisCommandExecutor, createVirtualConnection, RedisServerState } from 'js-redis-server/core'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { openTcpRedis } from '../../src/stores/redis/tcp.ts'

/** A Redis on the loopback interface whose network can be cut. */
let state: RedisServerState
let server: Server
let sockets: Set<Socket>
/** What to do with a chunk that a client sends: pass it on, or not. */
let onData: (chunk: Buffer, pass: () => void, socket: Socket) => void
let port = 0
const closing: (() => Promise<void>)[] = []

async function listen(): Promise<void> {
  const executor = createRedisCommandExecutor()
  server = createServer((socket) => {
    sockets.add(socket)
    const { clientSocket, close } = createVirtualConnection({ state, executor })
    socket.on('data', (chunk) => onData(chunk, () => clientSocket.write(chunk), socket))
    socket.on('error', () => {})
    socket.on('close', () => {
      sockets.delete(socket)
      close()
    })
    clientSocket.on('data', (chunk) => socket.write(chunk))
  })
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  port = (server.address() as AddressInfo).port
}

async function stop(): Promise<void> {
  const stopped = new Promise((resolve) => server.close(resolve))
  for (const socket of sockets) socket.destroy()
  await stopped
}

beforeEach(async () => {
  state = new RedisServerState()
  sockets = new Set()
  onData = (_chunk, pass) => pass()
  port = 0
  await listen()
})
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
  await stop()
  state.close()
})

function open(timeoutMs = 2_000, log: string[] = []) {
  const redis = openTcpRedis(`redis://127.0.0.1:${port}`, { timeoutMs, log: (message) => log.push(message) })
  closing.push(redis.close)
  return redis.connection
}

const count = "return redis.call('INCR', KEYS[1])"

describe('a Redis by TCP', () => {
  test('answers in the shapes of RESP2', async () => {
    const connection = open()
    const shapes = "return {1, 'two', {false, {'4'}}, '18446744073709551616', redis.status_reply('OK')}"
    expect(await connection.eval(shapes, [], [])).toEqual([
      1,
      'two',
      [null, ['4']],
      '18446744073709551616',
      'OK',
    ])
    await expect(connection.evalsha('f'.repeat(40), [], [])).rejects.toThrow('NOSCRIPT')
    await connection.ping()
  })

  test('a command whose reply was lost with its connection is sent again', async () => {
    const connection = open()
    await connection.ping()
    let lost = false
    onData = (chunk, pass, socket) => {
      pass()
      if (!lost && chunk.includes('INCR')) {
        lost = true
        socket.destroy()
      }
    }
    expect(await connection.eval(count, ['n'], [])).toBe(2)
  })

  test('it is found again after it was away', async () => {
    const log: string[] = []
    const connection = open(2_000, log)
    expect(await connection.eval(count, ['n'], [])).toBe(1)
    await stop()
    await expect(connection.eval(count, ['n'], [])).rejects.toThrow()
    await listen()
    await expect.poll(() => connection.eval(count, ['n'], []).catch(() => null), { timeout: 20_000 }).toBe(2)
    expect(log.at(-1)).toBe('Redis: connected again')
    expect(log.length).toBeLessThan(6)
  })

  test('one that is silent fails the command in time, and the next command has a new connection', async () => {
    const connection = open(100)
    await connection.ping()
    const silent = new Set(sockets)
    onData = (_chunk, pass, socket) => {
      if (!silent.has(socket)) pass()
    }
    await expect(connection.ping()).rejects.toThrow('timed out')
    await expect
      .poll(
        () =>
          connection
            .ping()
            .then(() => 'answered')
            .catch(() => null),
        { timeout: 20_000 },
      )
      .toBe('answered')
  })

  test('one that is not there fails commands, and does not let them pile up', async () => {
    await stop()
    const connection = open(500)
    const outcomes = await Promise.allSettled(Array.from({ length: 1_200 }, () => connection.ping()))
    const reasons = outcomes.map((outcome) => String((outcome as PromiseRejectedResult).reason))
    expect(outcomes.every(({ status }) => status === 'rejected')).toBe(true)
    expect(reasons.filter((reason) => reason.includes('1000 commands wait'))).toHaveLength(200)
    await listen()
  })

  test('rediss:// asks for TLS', () => {
    const { client } = openTcpRedis('rediss://user:pass@127.0.0.1:1/2', { timeoutMs: 50 })
    expect(client.options).toMatchObject({ tls: {}, username: 'user', password: 'pass', db: 2 })
    client.disconnect()
  })
})

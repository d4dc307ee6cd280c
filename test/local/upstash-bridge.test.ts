import { Redis as Upstash } from '@upstash/redis'
import { Command, type Redis } from 'ioredis'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { startUpstashBridge, type UpstashRequest } from '../../src/local/upstash-bridge.ts'
import { openRedisFarEnd } from './support.ts'

const token = 'a token / with + signs='
let client: Redis
let url: string
let upstash: Upstash
let seen: UpstashRequest[] = []
const closing: (() => Promise<void>)[] = []

const open = (given = token) =>
  new Upstash({
    url,
    token: given,
    automaticDeserialization: false,
    enableAutoPipelining: false,
    retry: { retries: 0 },
  })

beforeAll(async () => {
  const farEnd = await openRedisFarEnd(13)
  client = farEnd.client
  const bridge = await startUpstashBridge({
    client,
    token,
    fault: (request) => {
      seen.push(request)
      return undefined
    },
  })
  url = bridge.url
  upstash = open()
  closing.push(bridge.close, farEnd.close)
})
afterAll(async () => {
  for (const close of closing) await close()
})
beforeEach(async () => {
  await client.flushdb()
  seen = []
})

async function direct([name = '', ...args]: string[]): Promise<unknown> {
  try {
    return await client.sendCommand(new Command(name.toUpperCase(), args, { replyEncoding: 'utf8' }))
  } catch (error) {
    return error
  }
}

const long = 'x'.repeat(100_000)
const awkward = 'ü €\u{1F600} "quoted" \\ \n\t\u0001 {"a":1} ='

/** Each is a history; the last command's reply is compared. */
const cases: Record<string, string[][]> = {
  'a status': [['SET', 'k', 'v']],
  'another status': [['PING']],
  'an OK that is a value': [
    ['SET', 'k', 'OK'],
    ['GET', 'k'],
  ],
  'a string': [
    ['SET', 'k', 'v'],
    ['GET', 'k'],
  ],
  'an empty string': [
    ['SET', 'k', ''],
    ['GET', 'k'],
  ],
  'a string that looks like base64': [
    ['SET', 'k', 'T0s='],
    ['GET', 'k'],
  ],
  'a string that looks like a number': [
    ['SET', 'k', '12345678901234567890.10'],
    ['GET', 'k'],
  ],
  'a string that looks like JSON': [
    ['SET', 'k', '{"a":null}'],
    ['GET', 'k'],
  ],
  'awkward text': [
    ['SET', awkward, awkward],
    ['GET', awkward],
  ],
  'long text': [
    ['SET', 'k', long],
    ['GET', 'k'],
  ],
  null: [['GET', 'missing']],
  'an integer': [['INCR', 'n']],
  'a negative integer': [['DECRBY', 'n', '5']],
  'an empty array': [['LRANGE', 'missing', '0', '-1']],
  'an array with nulls': [
    ['SET', 'a', '1'],
    ['MGET', 'a', 'missing', 'a'],
  ],
  'a hash, flat': [
    ['HSET', 'h', 'f', 'v', 'g', 'OK'],
    ['HGETALL', 'h'],
  ],
  'scores as strings': [
    ['ZADD', 'z', '1.5', 'a', '1e20', 'b'],
    ['ZRANGE', 'z', '0', '-1', 'WITHSCORES'],
  ],
  'a cursor': [
    ['HSET', 'h', 'f', 'v'],
    ['HSCAN', 'h', '0'],
  ],
  'nested arrays from a script': [['EVAL', "return {1, {'two', {false, 'OK', '3'}}, 'four'}", '0']],
  'keys and arguments of a script': [
    ['EVAL', 'return {KEYS[2], ARGV[1], #ARGV}', '2', 'k1', 'k2', awkward, ''],
  ],
  'a status from a script': [['EVAL', "return redis.status_reply('FINE')", '0']],
  'an error from a script': [['EVAL', "return redis.error_reply('MINE it is')", '0']],
  'an unknown script': [['EVALSHA', 'f'.repeat(40), '0']],
  'an unknown command': [['NOSUCHCOMMAND', 'k']],
  'too few arguments': [['GET']],
  'a wrong type': [
    ['SET', 'k', 'v'],
    ['LPUSH', 'k', 'x'],
  ],
}

describe('the Upstash client gets through the bridge what Redis answers', () => {
  test.each(Object.entries(cases))('%s', async (_name, commands) => {
    let expected: unknown
    for (const command of commands) expected = await direct(command)
    await client.flushdb()
    const last = commands.at(-1)!
    for (const command of commands.slice(0, -1)) await upstash.exec(command as [string, ...string[]])
    const answer = upstash.exec(last as [string, ...string[]])
    if (expected instanceof Error) await expect(answer).rejects.toThrow(expected.message)
    else expect(await answer).toStrictEqual(expected)
  })

  test('with and without base64, and bytes that are no text unharmed', async () => {
    await client.set('k', Buffer.from([0, 255, 254, 10, 65]))
    const answers = await Promise.all(
      [{ 'upstash-encoding': 'base64' }, {}].map(async (headers) => {
        const response = await post('/', ['GET', 'k'], headers as Record<string, string>)
        return ((await response.json()) as { result: string }).result
      }),
    )
    expect(Buffer.from(answers[0]!, 'base64')).toEqual(Buffer.from([0, 255, 254, 10, 65]))
    expect(answers[1]).toBe('\0\ufffd\ufffd\nA')
    const plain = new Upstash({ url, token, automaticDeserialization: false, responseEncoding: false })
    await plain.hset('h', { [awkward]: 'OK' })
    expect(await plain.exec(['HGETALL', 'h'])).toEqual([awkward, 'OK'])
  })

  test('typed calls of the client', async () => {
    expect(await upstash.hset('h', { a: '1', b: 'zwei' })).toBe(2)
    expect(await upstash.hmget('h', 'a', 'missing')).toEqual(['1', null])
    expect(await new Upstash({ url, token }).hgetall('h')).toEqual({ a: 1, b: 'zwei' })
    expect(await upstash.zadd('z', { score: 0, member: 'm' })).toBe(1)
    expect(await upstash.mget('x', 'y')).toEqual([null, null])
    expect(await upstash.set('s', 'v', { nx: true, ex: 100 })).toBe('OK')
    expect(await upstash.set('s', 'w', { nx: true })).toBeNull()
    const loaded = await upstash.scriptLoad('return ARGV[1]')
    expect(await upstash.evalsha(loaded, [], ['x'])).toBe('x')
  })
})

describe('pipelines', () => {
  test('every command has its own reply or error', async () => {
    const pipeline = upstash.pipeline().set('k', awkward).get('k').lpush('k', 'x').get('missing').incr('n')
    expect(await pipeline.exec({ keepErrors: true })).toEqual([
      { result: 'OK', error: undefined },
      { result: awkward, error: undefined },
      { result: undefined, error: ((await direct(['LPUSH', 'k', 'x'])) as Error).message },
      { result: null, error: undefined },
      { result: 1, error: undefined },
    ])
    expect(seen).toHaveLength(1)
    expect(seen[0]).toMatchObject({
      path: '/pipeline',
      commands: [['set', 'k', awkward], ['get', 'k'], {}, {}, {}],
    })
  })

  test('a transaction runs as one operation, and goes on after an error of one command', async () => {
    const [, , , nested] = await upstash
      .multi()
      .set('k', 'v')
      .incr('n')
      .get('k')
      .eval('return {{ARGV[1]}}', [], ['x'])
      .exec()
    expect(nested).toEqual([['x']])
    const results = await upstash.multi().incr('k').incr('n').exec({ keepErrors: true })
    expect(results[0]!.error).toMatch(/not an integer/)
    expect(results[1]).toEqual({ result: 2, error: undefined })
  })

  test('transactions of several callers are not mixed', async () => {
    const increment = () => upstash.multi().incr('a').incr('b').exec()
    for (const [a, b] of await Promise.all(Array.from({ length: 50 }, increment))) expect(a).toBe(b)
  })

  test('a transaction with a command that Redis does not know is discarded as a whole', async () => {
    const response = await post('/multi-exec', [['SET', 'k', 'v'], ['NOSUCHCOMMAND']])
    expect(response.status).toBe(400)
    expect(await response.json()).toEqual({ error: expect.stringMatching(/^EXECABORT/) })
    expect(await client.get('k')).toBeNull()
  })
})

describe('the bridge refuses', () => {
  test('a wrong token, in words of the protocol', async () => {
    await expect(open('another').get('k')).rejects.toThrow(/WRONGPASS/)
    const response = await fetch(url, { method: 'POST', body: '["PING"]' })
    expect(response.status).toBe(401)
    expect(await response.json()).toEqual({ error: expect.stringMatching(/WRONGPASS/) })
    expect(seen).toEqual([])
  })

  test.each(['subscribe', 'MULTI', 'Select', 'BLPOP', 'SHUTDOWN', 'MONITOR', 'CLIENT'])(
    '%s, which would break the connection for everybody',
    async (name) => {
      await expect(upstash.exec([name, 'x'])).rejects.toThrow(
        `ERR Command is not available: '${name.toUpperCase()}'`,
      )
      const inTransaction = await post('/multi-exec', [
        ['SET', 'k', 'v'],
        [name, 'x'],
      ])
      expect(inTransaction.status).toBe(400)
      expect(await client.get('k')).toBeNull()
    },
  )

  test.each([
    ['/', '{"not": "an array"}'],
    ['/', '[]'],
    ['/', '["SET", "k", null]'],
    ['/', '["SET", "k", {"a": 1}]'],
    ['/', 'not json'],
    ['/pipeline', '["GET", "k"]'],
    ['/pipeline', '[]'],
    ['/multi-exec', '[["GET", "k"], []]'],
  ])('at %s the body %s', async (path, body) => {
    const response = await fetch(url + path, {
      method: 'POST',
      body,
      headers: { authorization: `Bearer ${token}` },
    })
    expect(response.status).toBe(400)
    expect(await response.json()).toEqual({ error: expect.stringMatching(/^ERR/) })
  })

  test('more than 10 MB, and nothing of it is applied', async () => {
    await expect(upstash.set('k', 'x'.repeat(10 * 1024 * 1024))).rejects.toThrow(/max request size exceeded/)
    expect(await client.exists('k')).toBe(0)
    expect(await upstash.set('k', 'x'.repeat(9 * 1024 * 1024))).toBe('OK')
  })

  test('callers from elsewhere: it listens on the loopback address only', async () => {
    const { networkInterfaces } = await import('node:os')
    const others = Object.values(networkInterfaces())
      .flatMap((all) => all ?? [])
      .filter((one) => !one.internal && one.family === 'IPv4')
    for (const { address } of others) {
      await expect(fetch(url.replace('127.0.0.1', address), { method: 'POST' })).rejects.toThrow()
    }
    expect(new URL(url).hostname).toBe('127.0.0.1')
  })
})

test('the sync token comes back', async () => {
  const response = await post('/', ['PING'], { 'upstash-sync-token': 'abc' })
  expect(response.headers.get('upstash-sync-token')).toBe('abc')
})

const post = (path: string, body: unknown, headers: Record<string, string> = {}) =>
  fetch(url + path, {
    method: 'POST',
    body: JSON.stringify(body),
    headers: { authorization: `Bearer ${token}`, ...headers },
  })

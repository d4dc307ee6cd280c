import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { REQUEST_TRIES } from '../../src/stores/blocks/limits.ts'
import { readFailure, readListing } from '../../src/stores/blocks/s3-xml.ts'
import { s3Store } from '../support/block-stores.ts'
import { failure, type S3Fault, type S3Server, startS3Server } from '../support/s3-server.ts'
import { refusal } from '../support/s3-signature.ts'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const NAME = '1-segment/tenant/0-digest'

describe('blocks in S3', () => {
  let server: S3Server
  beforeEach(async () => {
    server = await startS3Server()
  })
  afterEach(() => server.close())

  const put = (store = s3Store(server), content = 'content') =>
    store.put([{ name: NAME, content: bytes(content) }])
  const contentOf = (name = NAME) => server.objects.get(name)?.content.toString()
  /** For the nth request on the block. */
  const failing = (method: string, ...faults: (S3Fault | undefined)[]) => {
    server.fault = (asked, key) => (asked === method && key === NAME ? faults.shift() : undefined)
  }
  const asked = () => server.seen.filter((one) => one.endsWith(NAME)).length
  const failureOf = (work: Promise<unknown>) => work.catch((error: unknown) => error)
  /** All that a log may show of an error. */
  const told = (error: unknown): string => {
    const causes: unknown[] = []
    for (let one = error; one instanceof Error; one = one.cause) causes.push(one.message, one.stack)
    return causes.join('\n')
  }

  it.each([
    ['is too busy', failure(503, 'SlowDown', 'Please reduce your request rate.')],
    ['fails', failure(500, 'InternalError', 'We encountered an internal error.')],
    [
      'sees two at once',
      failure(409, 'ConditionalRequestConflict', 'The conditional request can’t succeed.'),
    ],
    ['loses its answer', 'lose_reply' as const],
  ])('are made in another try where it %s', async (_, fault) => {
    failing('PUT', fault)
    await put()
    expect(contentOf()).toBe('content')
    expect(asked()).toBe(2)
  })

  it('are given up after a few tries', async () => {
    const busy = failure(503, 'SlowDown', 'Please reduce your request rate.')
    failing('PUT', busy, busy, busy, busy, busy)
    const error = await failureOf(put())
    expect(error).toMatchObject({ code: 'store_unavailable' })
    expect(told(error)).toContain('SlowDown')
    expect(asked()).toBe(REQUEST_TRIES)
  })

  it('are read, removed and listed in another try, too', async () => {
    await put()
    const store = s3Store(server)
    failing('GET', 'lose_reply', failure(500, 'InternalError', 'It failed.'))
    expect((await store.get([NAME]))[0]!.content).toEqual(bytes('content'))
    let lost = false
    server.fault = (_, key) => {
      if (key !== '' || lost) return undefined
      lost = true
      return 'lose_reply'
    }
    expect((await store.list('', 10)).map(({ name }) => name)).toEqual([NAME])
    failing('DELETE', 'lose_reply')
    await store.remove([NAME])
    expect(contentOf()).toBeUndefined()
  })

  it('whose replacement lost its answer are not said to be replaced by another', async () => {
    const store = s3Store(server)
    await put(store)
    const [seen] = await store.get([NAME])
    failing('PUT', 'lose_reply')
    expect(await failureOf(store.replace(NAME, seen!.version, bytes('new')))).toMatchObject({
      code: 'store_unavailable',
    })
    expect(contentOf()).toBe('new')
    failing('PUT', failure(409, 'ConditionalRequestConflict', 'The conditional request can’t succeed.'))
    const [now] = await store.get([NAME])
    expect(await store.replace(NAME, now!.version, bytes('newer'))).toBe(true)
    expect(contentOf()).toBe('newer')
  })

  it.each([
    ['If-None-Match', 'if-none-match' as const],
    ['If-Match', 'if-match' as const],
  ])('are not trusted to a service that ignores %s', async (condition, header) => {
    server.ignored = header
    const store = s3Store(server)
    for (const work of [() => put(store), () => put(store), () => store.replace(NAME, '"x"', bytes('x'))]) {
      const error = await failureOf(work())
      expect(error).toMatchObject({ code: 'misconfigured' })
      expect((error as Error).message).toContain(`ignores ${condition},`)
    }
    expect(contentOf()).toBeUndefined()
  })

  it('ask once whether conditions are kept, and leave nothing in the list', async () => {
    const store = s3Store(server)
    await put(store)
    const before = server.seen.length
    await store.put([{ name: `${NAME}-2`, content: bytes('2') }])
    expect(server.seen.length).toBe(before + 1)
    expect((await store.list('', 10)).map(({ name }) => name)).toEqual([NAME, `${NAME}-2`])
  })

  it('are listed without what others keep in the bucket', async () => {
    const store = s3Store(server, { names: 2 })
    await put(store)
    for (const other of ['0/a & <b>/"c"', '0', '1-segment/x', '1-segment/tenant/0-digest/more', 'z', 'é/é/é'])
      server.objects.set(other, server.objects.get(NAME)!)
    expect((await store.list('', 10)).map(({ name }) => name)).toEqual([NAME])
    expect(await store.list(NAME, 10)).toEqual([])
  })

  it.each<[string, (right: S3Server) => Parameters<typeof s3Store>]>([
    [
      'another secret',
      (right) => [{ ...right, account: { ...right.account, secretAccessKey: 'hunter2+/' } }],
    ],
    ['another key', (right) => [{ ...right, account: { ...right.account, accessKeyId: 'OTHER' } }]],
    ['another region', (right) => [{ ...right, account: { ...right.account, region: 'us-east-1' } }]],
    ['a bucket that is not there', (right) => [{ ...right, bucket: 'no-such-bucket' }]],
  ])('with %s are out of reach, never missing', async (_, wrong) => {
    await put()
    const store = s3Store(...wrong(server))
    for (const work of [
      () => put(store),
      () => store.get([NAME]),
      () => store.replace(NAME, '"x"', bytes('x')),
      () => store.remove([NAME]),
      () => store.list('', 1),
    ]) {
      const error = await failureOf(work())
      expect(error).toMatchObject({ code: 'store_unavailable' })
      expect(told(error)).not.toContain('hunter2')
      expect(told(error)).not.toContain(server.account.secretAccessKey)
    }
    expect(contentOf()).toBe('content')
  })

  it.each<[string, S3Fault]>([
    ['a proxy’s page', { status: 404, body: '<html><body>not found<br></body></html>' }],
    ['a 404 without a word', { status: 404 }],
    ['another address', { status: 307, headers: { location: 'http://127.0.0.1:1/' } }],
    ['no ETag', { status: 200, body: 'content' }],
  ])('that %s answers for are out of reach, never missing', async (_, answer) => {
    failing('GET', answer)
    expect(await failureOf(s3Store(server).get([NAME]))).toMatchObject({ code: 'store_unavailable' })
  })

  it('are waited for no longer than they should be', async () => {
    failing('GET', 'hang', 'hang', 'hang')
    const error = await failureOf(s3Store(server, { timeoutMs: 100 }).get([NAME]))
    expect(error).toMatchObject({ code: 'store_unavailable' })
  })
})

describe('the answers of S3', () => {
  const list = (inner: string) => `<?xml version="1.0"?><ListBucketResult>${inner}</ListBucketResult>`
  const end = '<IsTruncated>false</IsTruncated>'
  const entry =
    '<Contents><Key>a&amp;b&#39;&#x63;</Key><LastModified>2026-11-29T01:02:03.004Z</LastModified></Contents>'

  it('are read as what they say', () => {
    expect(readListing(list(`<Prefix/>${end}${entry}`))).toEqual({
      objects: [{ key: "a&b'c", modifiedMs: Date.UTC(2026, 10, 29, 1, 2, 3, 4) }],
      next: null,
    })
    expect(
      readListing(
        list(`<IsTruncated>true</IsTruncated><NextContinuationToken>t&lt;</NextContinuationToken>`),
      ),
    ).toEqual({ objects: [], next: 't<' })
    expect(readFailure('<Error><Code>A</Code><Message>b</Message></Error>')).toEqual({
      code: 'A',
      message: 'b',
    })
  })

  it.each([
    ['nothing', ''],
    ['text', 'OK'],
    ['another root', '<Other></Other>'],
    ['two roots', list(end) + list(end)],
    ['an end that is missing', list(end + entry).slice(0, -5)],
    ['an end that is another’s', '<ListBucketResult><IsTruncated>false</Key></ListBucketResult>'],
    ['a part that was cut off', list(end + entry).slice(0, 120)],
    ['no word whether there is more', list(entry)],
    ['more, but not from where on', list('<IsTruncated>true</IsTruncated>')],
    ['a wrong word', list('<IsTruncated>yes</IsTruncated>')],
    [
      'an object without a key',
      list(`${end}<Contents><LastModified>2026-11-29T01:02:03Z</LastModified></Contents>`),
    ],
    ['an object with two', list(end + entry.replace('<Key>', '<Key>x</Key><Key>'))],
    ['a time that is none', list(end + entry.replace('2026', 'year'))],
    ['a document type', `<!DOCTYPE x [<!ENTITY a "b">]>${list(end)}`],
    ['an entity of its own', list(end + entry.replace('&amp;', '&own;'))],
    ['an ampersand alone', list(end + entry.replace('&amp;', '&'))],
    ['a character that there is none', list(end + entry.replace('&#39;', '&#9999999;'))],
    ['a comment', list(`${end}<!-- x -->`)],
  ])('are no list where they are %s', (_, xml) => {
    expect(() => readListing(xml)).toThrow(Error)
  })
})

describe('the signature that the test’s server asks for', () => {
  // The example that AWS's documentation computes in full: GET of a part of test.txt.
  const account = {
    accessKeyId: 'AKIAIOSFODNN7EXAMPLE',
    secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
    region: 'us-east-1',
  }
  const signed = {
    method: 'GET',
    path: '/test.txt',
    query: [],
    headers: {
      host: 'examplebucket.s3.amazonaws.com',
      range: 'bytes=0-9',
      'x-amz-content-sha256': 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
      'x-amz-date': '20130524T000000Z',
      authorization:
        'AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,SignedHeaders=host;range;x-amz-content-sha256;x-amz-date,Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41',
    },
  }

  it('is the one of AWS, and of no other secret', () => {
    expect(refusal(signed, account)).toBeNull()
    expect(refusal(signed, { ...account, secretAccessKey: 'other' })).toBe('SignatureDoesNotMatch')
    expect(refusal({ ...signed, path: '/other.txt' }, account)).toBe('SignatureDoesNotMatch')
  })
})

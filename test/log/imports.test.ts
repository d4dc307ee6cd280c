import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { bounded } from '../../src/log/import/bounded.ts'
import type { CsvQuery } from '../../src/log/import/columns.ts'
import { cellsOf, RecordEnds, type Separator, separators } from '../../src/log/import/csv-records.ts'
import { BATCH_BYTES, LINE_BYTES, LINES_PER_BATCH } from '../../src/log/import/limits.ts'
import type { Line, SentLine } from '../../src/log/import/line.ts'
import { readCsv } from '../../src/log/import/read-csv.ts'
import { readLines } from '../../src/log/import/read-lines.ts'
import { readNdjson } from '../../src/log/import/read-ndjson.ts'
import { ImportTally } from '../../src/log/import/tally.ts'
import { all, anySizes, piecesOf, utf8 } from './chunks.ts'

const PLAIN: CsvQuery = { rest: 'ignore', separator: 'comma', times: 'rfc3339' }
const HEADER = 'customer_id,resource_type,id,timestamp'

const linesOfCsv = async (text: string | Uint8Array, query = PLAIN, sizes: number[] = []) => {
  const bytes = typeof text === 'string' ? utf8(text) : text
  return all((await readCsv(piecesOf(bytes, sizes), query)).lines)
}
const linesOfNdjson = (text: string | Uint8Array, sizes: number[] = []): Promise<SentLine[]> =>
  all(readNdjson(piecesOf(typeof text === 'string' ? utf8(text) : text, sizes)))

const cell = fc.oneof(
  fc.string({
    unit: fc.constantFrom('a', '"', ',', ';', '\t', '\n', '\r', ' ', 'ä', '€', '😀'),
    maxLength: 6,
  }),
  fc.string({ unit: 'binary', maxLength: 6 }).filter((text) => text.isWellFormed()),
)
const anyFile = fc.record({
  rows: fc.array(fc.array(cell, { minLength: 2, maxLength: 4 }), { minLength: 1, maxLength: 8 }),
  separator: fc.constantFrom(...(Object.keys(separators) as Separator[])),
  lineEnd: fc.constantFrom('\n', '\r\n'),
  quotesAll: fc.boolean(),
  endsOpen: fc.boolean(),
  mark: fc.constantFrom('', '\ufeff'),
})

/** Written as others write it: nothing of what reads it here. */
function written(file: typeof anyFile extends fc.Arbitrary<infer F> ? F : never): string {
  const mark = separators[file.separator]
  const shown = (text: string) =>
    file.quotesAll || /["\r\n]/.test(text) || text.includes(mark) ? `"${text.split('"').join('""')}"` : text
  // Without quotes, a first cell that begins with a byte order mark can't be told from a file that does.
  const text = file.rows.map((row) => row.map(shown).join(mark)).join(file.lineEnd)
  return file.mark + text + (file.endsOpen ? '' : file.lineEnd)
}

describe('CSV', () => {
  it('is read as it was written, whatever pieces it comes in', () =>
    fc.assert(
      fc.asyncProperty(anyFile, anySizes, async (file, sizes) => {
        fc.pre(file.mark !== '' || !written(file).startsWith('\ufeff'))
        const lines = await all(
          readLines(piecesOf(utf8(written(file)), sizes), new RecordEnds(file.separator)),
        )
        const read = lines.map((one) => ('text' in one ? cellsOf(one.text, file.separator) : one.wrong))
        expect(read).toEqual(file.rows)
        const breaks = file.rows.map((row) => row.join('').split('\n').length)
        expect(lines.map(({ line }) => line)).toEqual(
          breaks.map((_, i) => 1 + breaks.slice(0, i).reduce((sum, one) => sum + one, 0)),
        )
      }),
      { numRuns: 500 },
    ))

  it('gives the same for any bytes, whatever pieces they come in', () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom(0x22, 0x22, 0x2c, 0x0a, 0x0d, 0x61, 0xc3, 0xa4, 0xef, 0xbb, 0xbf), {
          maxLength: 60,
        }),
        anySizes,
        async (bytes, sizes) => {
          const read = (pieces: number[]): Promise<Line[]> =>
            all(readLines(piecesOf(Uint8Array.from(bytes), pieces), new RecordEnds('comma')))
          expect(await read(sizes)).toEqual(await read([]))
        },
      ),
      { numRuns: 1_000 },
    ))

  it('becomes events, texts as they are, empty cells left out', async () => {
    const text = `\ufeff"id",customer_id,resource_type,quantity,timestamp,properties,properties.model,note\r
e1,cust_1,api_call,2.50,2026-11-22T10:00:00Z,"{""model"":""small"",""n"":1}",large,x\r
,"cust
2",api_call,,,,,\r
`
    const { lines, ignored } = await readCsv(piecesOf(utf8(text), [7]), PLAIN)
    expect(await all(lines)).toEqual([
      {
        line: 2,
        sent: {
          id: 'e1',
          customer_id: 'cust_1',
          resource_type: 'api_call',
          quantity: '2.50',
          timestamp: '2026-11-22T10:00:00Z',
          properties: { model: 'large', n: 1 },
        },
      },
      { line: 3, sent: { customer_id: 'cust\n2', resource_type: 'api_call' } },
    ])
    expect(ignored).toEqual(['note'])
  })

  it('is mapped by columns and values, and the rest become properties if asked', async () => {
    const file = 'customer,ts,value,uuid,model,"a,b",\nc1,2026-11-22T10:00:00Z,3,u1,large,7,\n'
    const query: CsvQuery = {
      columns: 'customer_id:customer,timestamp:ts,quantity:value,id:uuid,properties.m:model',
      values: ['resource_type:api,call', 'properties.source:crm'],
      rest: 'ignore',
      separator: 'comma',
      times: 'rfc3339',
    }
    const event = {
      customer_id: 'c1',
      timestamp: '2026-11-22T10:00:00Z',
      quantity: '3',
      id: 'u1',
      resource_type: 'api,call',
    }
    expect(await linesOfCsv(file, query)).toEqual([
      { line: 2, sent: { ...event, properties: { source: 'crm', m: 'large' } } },
    ])
    expect(await linesOfCsv(file, { ...query, rest: 'properties' })).toEqual([
      { line: 2, sent: { ...event, properties: { source: 'crm', m: 'large', 'a,b': '7' } } },
    ])
    expect(await linesOfCsv(file, { ...query, columns: `${query.columns},properties.x:a,b` })).toEqual([
      { line: 2, sent: { ...event, properties: { source: 'crm', m: 'large', x: '7' } } },
    ])
  })

  it.each<[Partial<CsvQuery>, string, string]>([
    [
      { columns: 'customer_id:client' },
      HEADER,
      'names "client", which the file has no column for; it has "customer_id", "resource_type", "id", "timestamp"',
    ],
    [
      { columns: 'custmer:id' },
      HEADER,
      '"custmer" is not a field of an event; these are: id, customer_id, resource_type, quantity, timestamp, properties, properties.NAME',
    ],
    [{ columns: 'customer_id' }, HEADER, 'says nothing of customer_id: write "customer_id:customer"'],
    [{ columns: 'id:id,id:customer_id' }, HEADER, 'names id twice'],
    [{ columns: 'id:id', values: 'timestamp:7,timestamp:8' }, HEADER, 'names timestamp twice'],
    [{ values: 'id:7' }, HEADER, 'can’t be the same id for every event'],
    [{ values: 'properties:{}' }, HEADER, 'takes one property at a time'],
    [{ columns: 'properties.__proto__:id' }, HEADER, '"__proto__"'],
    [{ rest: 'properties' }, `${HEADER},__proto__`, '"__proto__"'],
    [
      {},
      'customer_id,id,timestamp',
      'must say where resource_type is: no column has this name; it has "customer_id", "id", "timestamp". Write "resource_type:COLUMN", or the same value for all lines as values=resource_type:VALUE',
    ],
    [{}, 'customer_id,resource_type,timestamp', 'must say where id is'],
    [{}, 'customer_id,resource_type,id', 'must say where timestamp is'],
    [{}, 'id,a,id,customer_id,resource_type', 'line 1 has the column "id" twice'],
    [
      {},
      Array.from({ length: 201 }, (_, i) => `c${i}`).join(),
      'line 1 has 201 columns; 200 at most are read',
    ],
    [{}, '', 'it is empty: its first line must name its columns'],
    [{}, '"id', 'line 1, which names its columns, has a quote that is never closed'],
    [{}, `"${'x'.repeat(LINE_BYTES)}"`, `line 1, which names its columns, has more than ${LINE_BYTES} bytes`],
  ])('with %j and the header %.40s is refused before a line is read', async (query, header, detail) => {
    await expect(linesOfCsv(header, { ...PLAIN, ...query })).rejects.toThrow(detail)
  })

  it('has times since 1970 where that is said', async () => {
    const file = `${HEADER}\nc1,api,e1,1764547200.25\nc1,api,e2,soon\nc1,api,e3,99999999999999\n`
    const times = async (unit: CsvQuery['times']) =>
      (await linesOfCsv(file, { ...PLAIN, times: unit })).map((one) =>
        'sent' in one ? (one.sent as { timestamp: string }).timestamp : one.wrong,
      )
    expect(await times('seconds')).toEqual(['2025-12-01T00:00:00.250Z', 'soon', '99999999999999'])
    expect(await times('milliseconds')).toEqual([
      '1970-01-21T10:09:07.200Z',
      'soon',
      '5138-11-16T09:46:39.999Z',
    ])
    expect(await times('rfc3339')).toEqual(['1764547200.25', 'soon', '99999999999999'])
  })

  it('is refused for its parameters without waiting for the file', async () => {
    async function* never(): AsyncGenerator<Uint8Array> {
      await new Promise(() => {})
      yield new Uint8Array()
    }
    await expect(readCsv(never(), { ...PLAIN, columns: 'a:b' })).rejects.toThrow('is not a field')
  })

  it.each<[string, string, number]>([
    ['a,b', 'has 2 cells, where line 1 names 4 columns', 1],
    ['a,5" pipe,c', 'has a quote within a cell that doesn’t begin with one', 1],
    ['a,"b"c,d', 'has text behind a closing quote', 1],
    ['a,"b\n"c,d', 'has text behind a closing quote', 2],
  ])('names the line of %j, and goes on behind it', async (wrong, detail, breaks) => {
    const lines = await linesOfCsv(`${HEADER}\n${wrong}\nc1,api,e1,2026\n`)
    expect(lines).toEqual([
      { line: 2, wrong: expect.stringContaining(detail) },
      { line: 2 + breaks, sent: { customer_id: 'c1', resource_type: 'api', id: 'e1', timestamp: '2026' } },
    ])
  })

  it('names the line of a quote that is never closed, and how far it went', async () => {
    const open = await linesOfCsv(`${HEADER}\nc1,api,"e1\nc1,api,e2\n`)
    expect(open).toEqual([{ line: 2, wrong: 'has a quote that is never closed' }])
    const long = await linesOfCsv(`${HEADER}\nc1,api,"e1\n${'c1,api,e2\n'.repeat(30_000)}`)
    expect(long).toEqual([
      {
        line: 2,
        wrong: `has more than ${LINE_BYTES} bytes, and goes on to line 30003; has a quote that is never closed`,
      },
    ])
  })

  it.each(['1', '[]', 'null', '{"a":', '"x"'])('names the line with properties that are %s', async (json) => {
    const file = `${HEADER},properties\nc1,api,e1,2026,"${json.replaceAll('"', '""')}"\n`
    expect(await linesOfCsv(file)).toEqual([
      { line: 2, wrong: expect.stringMatching(/^has in "properties" what is (no JSON object|not JSON: )/) },
    ])
  })
})

describe('NDJSON', () => {
  it('is read as it was written, whatever pieces it comes in', () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(fc.jsonValue({ noUnicodeString: false })),
        fc.constantFrom('\n', '\r\n'),
        anySizes,
        async (values, lineEnd, sizes) => {
          const sent = values.map((value) => JSON.parse(JSON.stringify(value)))
          const texts = sent.map((value) => JSON.stringify(value))
          expect(await linesOfNdjson(texts.join(lineEnd), sizes)).toEqual(
            sent.map((one, i) =>
              texts[i]!.includes('"__proto__":')
                ? { line: i + 1, wrong: 'must not have the name "__proto__"' }
                : { line: i + 1, sent: one },
            ),
          )
        },
      ),
      { numRuns: 300 },
    ))

  it('takes CloudEvents, too', async () => {
    const cloud = {
      specversion: '1.0',
      id: '1',
      source: '/s',
      type: 'api',
      subject: 'c1',
      time: '2026-11-22T10:00:00Z',
    }
    const file = [
      { ...cloud, data: { a: 1 }, datacontenttype: null },
      { ...cloud, subject: null },
    ]
    expect(await linesOfNdjson(file.map((one) => JSON.stringify(one)).join('\n'))).toEqual([
      {
        line: 1,
        sent: {
          ...{ id: '/s 1', customer_id: 'c1', resource_type: 'api', timestamp: cloud.time },
          properties: { a: 1 },
        },
      },
      { line: 2, wrong: expect.stringMatching(/^is no CloudEvent: #\/subject is required/) },
    ])
  })

  it('names each line that is wrong, and goes on behind it', async () => {
    const file = new Uint8Array([
      ...utf8('\ufeff{"id":"1"}\n\n  \r\n{"id":\n'),
      ...[0x22, 0xff, 0x22, 0x0a],
      ...utf8(`"${'x'.repeat(LINE_BYTES)}"\n{"a":{"__proto__":1}}\n{"a":"__proto__"}`),
    ])
    for (const sizes of [[], [1], [65_536]]) {
      expect(await linesOfNdjson(file, sizes)).toEqual([
        { line: 1, sent: { id: '1' } },
        { line: 4, wrong: expect.stringMatching(/^is not JSON: /) },
        { line: 5, wrong: 'is not valid UTF-8' },
        { line: 6, wrong: `has more than ${LINE_BYTES} bytes` },
        { line: 7, wrong: 'must not have the name "__proto__"' },
        { line: 8, sent: { a: '__proto__' } },
      ])
    }
  })
})

describe('an import', () => {
  it('is read no further than it is taken, in batches of bounded size', async () => {
    const state = { pieces: 0, ended: false }
    async function* source(): AsyncGenerator<Uint8Array> {
      try {
        for (; state.pieces < 5_000; state.pieces++) yield utf8(`{"id":"${'x'.repeat(200)}"}\n`.repeat(300))
      } finally {
        state.ended = true
      }
    }
    let batches = 0
    for await (const batch of readNdjson(source())) {
      expect(batch.length).toBe(LINES_PER_BATCH)
      expect(state.pieces).toBeLessThanOrEqual(Math.ceil(((batches + 1) * LINES_PER_BATCH) / 300))
      if (++batches === 20) break
    }
    expect(state.ended).toBe(true)
  })

  it('hands on batches that are bounded by bytes, too', async () => {
    const line = `{"id":"${'x'.repeat(200_000)}"}\n`
    const sizes: number[] = []
    for await (const batch of readNdjson(piecesOf(utf8(line.repeat(20)), [50_000]))) sizes.push(batch.length)
    const perBatch = Math.ceil(BATCH_BYTES / line.length)
    expect(sizes).toEqual([perBatch, perBatch, perBatch, 20 - 3 * perBatch])
  })

  it('ends its source when the reader of CSV stops at the first batch, or at the header', async () => {
    let ended = 0
    async function* source(header: string): AsyncGenerator<Uint8Array> {
      try {
        for (yield utf8(`${header}\n`); ; ) yield utf8('c1,api,e1\n'.repeat(100))
      } finally {
        ended++
      }
    }
    const { lines } = await readCsv(source(HEADER), PLAIN)
    for await (const _ of lines) break
    await expect(readCsv(source('a,b'), PLAIN)).rejects.toThrow('must say where')
    expect(ended).toBe(2)
  })

  it('ends at its bound', async () => {
    const taken: Uint8Array[] = []
    const read = async () => {
      for await (const piece of bounded(piecesOf(new Uint8Array(100), [10]), 45)) taken.push(piece)
    }
    await expect(read()).rejects.toMatchObject({ code: 'body_too_large' })
    expect(taken.length).toBe(4)
  })

  it('keeps the first thousand errors, and counts the others', () => {
    const tally = new ImportTally()
    tally.counted('accepted')
    for (let i = 0; i < 2; i++) tally.counted('duplicates')
    for (let line = 1; line < 1_000; line++) tally.refused('invalid', line, 'is not JSON')
    tally.refused('conflicts', 1_000, [
      { pointer: '#/id', detail: 'is required' },
      { pointer: '#/quantity', detail: 'is no decimal' },
    ])
    tally.refused('invalid', 1_001, 'is not JSON')
    const { errors, ...counts } = tally.counts()
    expect(counts).toEqual({
      ...{ lines: 1_004, accepted: 1, duplicates: 2, conflicts: 1, invalid: 1_000 },
      moreErrors: 2,
    })
    expect(errors.length).toBe(1_000)
    expect(errors.at(-1)).toEqual({ line: 1_000, pointer: '#/id', detail: 'is required' })
  })
})

// What a correction's draft says of money is what becomes of it; and its revert leaves nothing of it.

import fc from 'fast-check'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { effectOnBills } from '../../../src/billing/invoices/effect-on-bills.ts'
import type { AdjustmentLine, Invoice } from '../../../src/billing/invoices/invoice.ts'
import { readInvoice } from '../../../src/billing/invoices/read-invoice.ts'
import { reopenInvoices } from '../../../src/billing/invoices/reopen-invoices.ts'
import { readBill } from '../../../src/billing/read-bill.ts'
import { decimal, sum } from '../../../src/kernel/decimal.ts'
import type { CounterChange, CustomerEffect } from '../../../src/log/effect.ts'
import { cases } from '../../support/effort.ts'
import { type PostgresBackend, postgresBackends } from '../../support/postgres.ts'
import { type RedisBackend, redisBackends } from '../../support/redis.ts'
import { Correcting, type MeterKey, meters, type Row } from './correcting.ts'

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
const MAY_15_MS = Date.UTC(2026, 4, 15)

let redis: RedisBackend
let postgres: PostgresBackend
beforeAll(async () => {
  ;[redis, postgres] = await Promise.all([redisBackends[0]!.open(), postgresBackends[0]!.open()])
})
afterAll(() => Promise.all([redis.close(), postgres.close()]))
beforeEach(() => redis.client.flushdb())

const amountOf = ({ lines }: Invoice, kind: (one: string) => boolean) =>
  sum(lines.filter((line) => kind(line.kind)).map(({ amount }) => decimal(amount))).toFixed(2)
const adjustmentsOf = (invoices: Invoice[]) =>
  invoices.flatMap(({ lines }) => lines.filter((line): line is AdjustmentLine => line.kind === 'adjustment'))

/** By the invoice that is corrected: so much more than it came to before. */
const differences = (effects: CustomerEffect[]) =>
  Object.fromEntries(
    effects.flatMap(({ bills }) =>
      bills
        .filter(({ number }) => number !== null)
        .map((one) => [one.number!, decimal(one.amountAfter).minus(one.amountBefore).toFixed(2)]),
    ),
  )
const adjusted = (lines: AdjustmentLine[]) =>
  Object.fromEntries(
    [...Map.groupBy(lines, ({ adjusts }) => adjusts.number)]
      .map(([number, all]) => [number, sum(all.map(({ amount }) => decimal(amount))).toFixed(2)])
      .filter(([, amount]) => amount !== '0.00'),
  )

const meterKeys = Object.keys(meters) as MeterKey[]
const row = fc.record({
  customerId: fc.constantFrom('alice', 'alice', 'alice', 'bob'),
  meter: fc.constantFrom(...meterKeys),
  hourMs: fc.integer({ min: 0, max: 134 }).map((day) => Date.UTC(2026, 0, 1) + day * DAY_MS),
  model: fc.constantFrom('large', 'small', null),
  user: fc.constantFrom('u1', 'u2', 'u3'),
  a: fc.constantFrom('1', '7.25', '40', '180'),
})
const correction = fc.record({
  /** of a row that there is, or of a new one */
  of: fc.oneof(fc.nat(20), row),
  to: fc.constantFrom('gone', '3', '90', '0.004'),
})

const timed = (drawn: Omit<Row, 'b'>): Row => ({
  ...drawn,
  a: meters[drawn.meter].merge === 'once' ? '0' : drawn.a,
  b: meters[drawn.meter].merge === 'latest' ? String(drawn.hourMs) : '1',
})

describe('a correction of usage that is invoiced', () => {
  it('does to bills what its draft says, on any meter; taken back, it leaves pairs that come to nothing', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(row, { minLength: 5, maxLength: 15 }),
        fc.array(correction, { minLength: 1, maxLength: 5 }),
        async (drawn, corrections) => {
          await redis.client.flushdb()
          const at = new Correcting(redis, postgres)
          await at.begin()
          const there = new Map<string, { row: Row; change: CounterChange }>()
          for (const one of drawn.map(timed)) {
            const name = await at.nameOf(one)
            const { a, b } = one
            const isAdd = name.merge === 'add'
            const change: CounterChange = isAdd
              ? { ...name, kind: 'added', added: { a, b } }
              : { ...name, kind: 'counted_anew', before: null, after: { a, b } }
            if (!there.has(JSON.stringify(name))) there.set(JSON.stringify(name), { row: one, change })
          }
          const rowsThere = [...there.values()]
          await at.enter(
            rowsThere.map(({ change }) => change),
            null,
          )
          await at.closeUntil(MAY_15_MS)

          const changes = new Map<string, CounterChange>()
          const back: CounterChange[] = []
          for (const { of, to } of corrections) {
            const wanted = typeof of === 'number' ? rowsThere[of % rowsThere.length]!.row : timed(of)
            const name = await at.nameOf(wanted)
            const key = JSON.stringify(name)
            if (changes.has(key)) continue
            const known = there.get(key)?.row
            const value = name.merge === 'once' ? '0' : to
            if (name.merge === 'add') {
              const added = to === 'gone' ? { a: `-${wanted.a}`, b: '-1' } : { a: to, b: '1' }
              const minus = {
                a: decimal('0').minus(added.a).toFixed(),
                b: decimal('0').minus(added.b).toFixed(),
              }
              changes.set(key, { ...name, kind: 'added', added })
              back.push({ ...name, kind: 'added', added: minus })
            } else {
              const before = known ? { a: known.a, b: known.b } : null
              const after = to === 'gone' ? null : { a: value, b: wanted.b }
              changes.set(key, { ...name, kind: 'counted_anew', before, after })
              back.push({ ...name, kind: 'counted_anew', before: after, after: before })
            }
          }
          const proposed = [...changes.values()]
          const tenant = await at.load()
          const { customers, more } = await effectOnBills(at.services, tenant, proposed)
          expect(more).toBe(0)

          const [correctionId, draft] = [crypto.randomUUID() as string, await draftOf(at)]
          const bill = async () =>
            (await readBill(at.services, tenant, { customerId: 'bob' }).catch(() => null))?.total
          const [draftBefore, billBefore] = [await readInvoice(at.services, { tenant }, draft), await bill()]
          await at.enter(proposed, correctionId)
          await reopenInvoices(at.services)
          const [draftAfter, billAfter] = [await readInvoice(at.services, { tenant }, draft), await bill()]

          // What is not invoiced yet.
          const said = customers.flatMap(({ bills }) => bills)
          const ofDraft = said.find(({ invoiceId }) => invoiceId === draft.id)
          const own = (kind: string) => kind !== 'adjustment'
          const now = [amountOf(draftBefore, own), amountOf(draftAfter, own)]
          expect(ofDraft ? [ofDraft.amountBefore, ofDraft.amountAfter] : now.slice(1)).toEqual(
            ofDraft ? now : now.slice(0, 1),
          )
          const ofBob = said.find(({ invoiceId }) => invoiceId === null)
          if (ofBob)
            expect([ofBob.amountBefore, ofBob.amountAfter]).toEqual([
              billBefore ?? '0.00',
              billAfter ?? '0.00',
            ])
          // No bill yet, and one of nothing, are the same.
          else expect(billAfter ?? '0.00').toBe(billBefore ?? '0.00')

          // What is.
          expect(adjusted(adjustmentsOf([draftAfter]))).toEqual(differences(customers))
          await at.closeUntil(Date.UTC(2026, 5, 3))
          const lines = adjustmentsOf(await at.invoices())
          expect(adjusted(lines)).toEqual(differences(customers))
          expect(lines.every(({ corrections }) => corrections?.join() === correctionId)).toBe(true)

          await at.enter(back, correctionId)
          await at.closeUntil(Date.UTC(2026, 6, 3))
          // What was issued with the correction gives it back; what was issued before it comes to nothing.
          const all = await at.invoices()
          const number = all.find(({ id }) => id === draft.id)!.number!
          const givenBack = decimal(ofDraft?.amountBefore ?? '0').minus(ofDraft?.amountAfter ?? '0')
          expect(adjusted(adjustmentsOf(all))).toEqual(
            givenBack.eq('0') ? {} : { [number]: givenBack.toFixed(2) },
          )
        },
      ),
      cases(6, 12),
    )
  }, 600_000)
})

async function draftOf(at: Correcting): Promise<{ id: string }> {
  const [draft] = await at.services.accounts.listInvoices(
    at.tenantId,
    { status: 'draft' },
    { after: null, limit: 1 },
  )
  return { id: draft!.id }
}

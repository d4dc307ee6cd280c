import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { linesOf } from '../../../src/billing/invoices/line-events.ts'
import type { DescribedEvent } from '../../../src/log/describe-event.ts'
import { type PostgresBackend, postgresBackends } from '../../support/postgres.ts'
import { type RedisBackend, redisBackends } from '../../support/redis.ts'
import { Correcting } from './correcting.ts'

const HOUR_MS = 3_600_000
let redis: RedisBackend
let postgres: PostgresBackend
beforeAll(async () => {
  ;[redis, postgres] = await Promise.all([redisBackends[0]!.open(), postgresBackends[0]!.open()])
})
afterAll(() => Promise.all([redis.close(), postgres.close()]))

describe('the line that bills an event', () => {
  it('is found wherever in its period the event was, by meter and group, once it is issued', async () => {
    await redis.client.flushdb()
    const at = new Correcting(redis, postgres)
    await at.begin()
    await at.closeUntil(Date.UTC(2026, 2, 5))
    const [january, february] = await at.invoices()
    const event = (atMs: number, key: string, group = {}, customerId = 'alice') =>
      ({ customerId, countings: [{ meter: { key }, hourMs: atMs, group }] }) as unknown as DescribedEvent
    const of = async (...events: DescribedEvent[]) => {
      const lineOf = await linesOf(at.services, at.tenantId, events)
      return events.map((one) => {
        const found = lineOf(one, one.countings[0]!.meter.key)
        return found && [found.invoice.number, found.line]
      })
    }
    const line = (meter: string, match: object | null = null) =>
      january!.lines.findIndex(
        (one) =>
          one.kind === 'usage' && one.meter === meter && JSON.stringify(one.match) === JSON.stringify(match),
      ) + 1
    const large = { model: 'large' }
    expect(
      await of(
        event(Date.UTC(2026, 0, 1), 'calls', large),
        event(Date.UTC(2026, 0, 15, 9), 'calls', large),
        event(Date.UTC(2026, 1, 1) - HOUR_MS, 'calls', { model: 'small' }),
        event(Date.UTC(2026, 1, 20), 'gb'),
        event(Date.UTC(2026, 2, 2), 'calls', large),
        event(Date.UTC(2026, 0, 15), 'calls', large, 'bob'),
      ),
    ).toEqual([
      [january!.number, line('calls', large)],
      [january!.number, line('calls', large)],
      [january!.number, line('calls')],
      [february!.number, line('gb')],
      undefined,
      undefined,
    ])
    // One alone, in the middle of its period.
    expect(await of(event(Date.UTC(2026, 0, 15, 9), 'gb'))).toEqual([[january!.number, line('gb')]])
    expect(await of()).toEqual([])
  })
})

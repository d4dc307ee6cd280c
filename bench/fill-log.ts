// Events as an AI backend sends them, and a log that is full of them.

import { HOUR_MS } from '../src/kernel/time.ts'
import { BlockWriter } from '../src/log/write-blocks.ts'
import type { LoggedCall } from '../src/metering/logged.ts'
import { lineOf } from '../src/metering/logged.ts'
import { PostgresBlockStore } from '../src/stores/blocks/postgres.ts'
import { counterEvent } from './fill.ts'
import { CUSTOMERS, METER_ID, RESOURCE_TYPE, type SentEvent } from './workload.ts'
import type { World } from './world.ts'

const MODELS = ['large', 'small', 'vision', 'audio']

/** Some 200 bytes. */
export const realEvent = (n: number): SentEvent & { properties: object } => ({
  ...counterEvent(n, CUSTOMERS, Math.floor(Date.now() / HOUR_MS) * HOUR_MS),
  timestamp: new Date(Date.now() - (n % 60) * 1000).toISOString(),
  id: crypto.randomUUID(),
  properties: {
    model: MODELS[n % 4],
    region: n % 3 === 0 ? 'eu-west-1' : 'us-east-1',
    usage: { input: 100 + ((n * 7919) % 4000), output: 10 + ((n * 104_729) % 900) },
    request_id: `req_${crypto.randomUUID().slice(0, 13)}`,
  },
})

export const idOf = (n: number): string =>
  `event_${n.toString(36)}_${((n * 2_654_435_761) % 4_294_967_296).toString(36)}`

const EVENTS_A_SEGMENT = 10_000
export const FIRST_MICROS = 1_760_000_000_000_000

/** As segments that are settled, without the way through Redis. */
export async function fillLog(world: World, tenantId: string, from: number, to: number): Promise<void> {
  const writer = new BlockWriter(new PostgresBlockStore(world.db))
  for (let first = from; first < to; first += EVENTS_A_SEGMENT) {
    const log: LoggedCall[] = []
    for (let n = first; n < first + EVENTS_A_SEGMENT; n += 100) {
      const receivedMicros = FIRST_MICROS + n * 1_000
      const lines = Array.from({ length: 100 }, (_, i) => loggedLine(n + i, receivedMicros))
      const text = [JSON.stringify({ [RESOURCE_TYPE]: [METER_ID] }), ...lines].join('\n')
      log.push({ field: '', tenantId, receivedMicros, text })
    }
    const segment = { id: `bench-${first}`, partition: 0, bornMs: 0, quarantined: null, offer: '' }
    const { rows } = await writer.write(segment, { log, kept: null })
    const counter = {
      tenantId,
      customerId: '',
      meter: '$log',
      bucketMs: 0,
      merge: 'once',
      groups: JSON.stringify([RESOURCE_TYPE, METER_ID]),
      distinctValue: '',
      a: '1',
      b: '0',
    } as const
    await world.usage.settle(segment, [counter], rows)
  }
}

function loggedLine(n: number, receivedMicros: number): string {
  const { customer_id, quantity, properties } = realEvent(n)
  return lineOf({
    id: idOf(n),
    customerId: customer_id,
    resourceType: RESOURCE_TYPE,
    quantity,
    timestampMs: Math.floor(receivedMicros / 1000),
    properties: properties as Record<string, unknown>,
    propertiesText: JSON.stringify(properties),
    content: '',
  })
}

// What a correction does to usage and to invoices: counters of any age are entered once, what they touched is written down, and
// invoices are opened again. It may be cut off between any two of the three, and is sent again until it is answered.

import { reopenInvoices } from '../../../../src/billing/invoices/reopen-invoices.ts'
import { asEvent } from '../../../../src/log/entry.ts'
import { deltaTo } from '../../../../src/metering/count-events.ts'
import type { Counter } from '../../../../src/metering/counter.ts'
import { countersOf, type Merging, mergeInto } from '../../../../src/metering/merge-counters.ts'
import type { TenantConfig } from '../../../../src/metering/meter.ts'
import type { Pace } from '../../stage.ts'
import type { Batch, Year } from '../year.ts'

const HOUR_MS = 3_600_000

export async function correctBatch(year: Year, isolate: number, batch: Batch, pace: Pace): Promise<void> {
  const { services } = year.isolate(isolate)
  const { id, asCreditNote } = batch.correction!
  await year.start('correct', year.isolate(isolate), pace, async () => {
    const config = await services.configs.load(year.tenants[batch.tenant]!.id)
    const counters = countersIn(batch, config)
    const segment = { id, partition: 0, bornMs: 0, quarantined: null, offer: '' }
    await services.usage.settle(segment, counters)
    const touched = counters.map(({ customerId, meter, bucketMs }) => ({
      customerId,
      meterId: meter,
      fromMs: bucketMs,
      toMs: bucketMs + HOUR_MS,
    }))
    await services.accounts.recount(config.tenantId, touched, { correctionId: id, asCreditNote })
    await reopenInvoices(services)
    batch.answered = true
  })
}

/** As the log would count them. */
function countersIn({ events }: Batch, config: TenantConfig): Counter[] {
  const merging: Merging = new Map()
  for (const { id, customer, kind, sent, atMs } of events) {
    const entry = {
      ...{ id, customerId: customer, resourceType: kind, timestampMs: atMs },
      quantity: sent.quantity as string,
      properties: sent.properties as Record<string, unknown>,
      receivedMicros: 0,
      meters: [],
    }
    for (const meter of config.meters) {
      const delta = meter.resourceType === entry.resourceType ? deltaTo(meter, asEvent(entry), config) : null
      if (delta) mergeInto(merging, delta.field, delta)
    }
  }
  return countersOf(merging)
}

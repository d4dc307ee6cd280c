// What a meter, or a revision of one, would do: looked at, and nothing changed.

import type { z } from 'zod'
import { effectOfCounting } from '../../billing/invoices/effect-of-counting.ts'
import { EFFECT_CUSTOMERS } from '../../billing/invoices/effect-on-bills.ts'
import { countUnmade } from '../../log/dry-count.ts'
import type { Counted } from '../../log/dry-tally.ts'
import { type AsItWouldBe, withMeter, withRevision } from '../../metering/as-revised.ts'
import { tryMeter } from '../../metering/create-meter.ts'
import { meterNamed, type TenantConfig } from '../../metering/meter.ts'
import type { MeterInput } from '../../metering/meter-input.ts'
import { type AskedRevision, tryRevision } from '../../metering/revise-meter.ts'
import type { Deps } from '../env.ts'
import { dryRunJson, type dryRunSchema } from './dry-run-json.ts'
import { logOf } from './event-json.ts'

type DryRun = z.input<typeof dryRunSchema>

/** Throws what making it would. */
export async function dryRunOfMeter(deps: Deps, tenant: TenantConfig, input: MeterInput): Promise<DryRun> {
  const made = await tryMeter(deps, tenant, input)
  const config = await newest(deps, tenant)
  const would = made === null ? { config, meter: meterNamed(config, input.key) } : withMeter(config, made)
  // One that counts from now on takes nothing from the log; and nor does one that is there.
  return dryRun(deps, config, would, made !== null && made.countsFromMs !== null)
}

/** Throws what revising it would. */
export async function dryRunOfRevision(
  deps: Deps,
  tenant: TenantConfig,
  asked: AskedRevision,
): Promise<DryRun> {
  const { meter, wanted, known } = await tryRevision(deps, tenant.tenantId, asked)
  const config = await newest(deps, tenant)
  const isThere = known !== undefined && known.revision?.state !== 'filling'
  return dryRun(deps, config, withRevision(config, meter, wanted), !isThere)
}

async function newest({ configs }: Deps, { tenantId }: TenantConfig): Promise<TenantConfig> {
  configs.forget(tenantId)
  return configs.load(tenantId)
}

async function dryRun(
  deps: Deps,
  config: TenantConfig,
  would: AsItWouldBe,
  counts: boolean,
): Promise<DryRun> {
  const wanted = { ...would, customers: EFFECT_CUSTOMERS }
  const counted = counts ? await countUnmade({ ...deps, ...logOf(deps) }, wanted) : nothing
  return dryRunJson(would.meter.key, counted, await effectOfCounting(deps, config, { would, counted }))
}

const nothing: Counted = { blocks: 0, events: 0, customers: 0, counters: new Map(), hours: null }

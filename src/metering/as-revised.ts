// A tenant's configuration as it would be with one meter more, or with one revised, so that what it would count can be looked at
// before anything is made. Pure.

import { type Meter, meterCountsFromMs, type TenantConfig } from './meter.ts'
import type { NewMeter } from './meter-input.ts'
import type { Definition } from './revision-input.ts'

/** What is not made yet has this id, which is no meter's. */
export const UNMADE = 'unmade'

export type AsItWouldBe = { config: TenantConfig; meter: Meter }

export function withMeter(config: TenantConfig, made: NewMeter): AsItWouldBe {
  const meter: Meter = { ...made, id: UNMADE, revision: null, createdAt: new Date(0), archivedAt: null }
  return { config: { ...config, meters: [...config.meters, meter] }, meter }
}

/** As after the switch: hours from the instant on are the revision's, and the others where they were. */
export function withRevision(
  config: TenantConfig,
  current: Meter,
  { fromMs, ...counts }: Definition,
): AsItWouldBe {
  const ofKey = config.revisions.filter(({ key }) => key === current.key)
  const others = config.revisions.filter(({ key }) => key !== current.key)
  const replaced = [...ofKey.filter(({ revision }) => revision?.state === 'replaced'), current]
  const meter: Meter = {
    ...current,
    ...counts,
    id: UNMADE,
    countsFromMs: fromMs,
    revision: {
      number: (current.revision?.number ?? 0) + 1,
      state: 'current',
      fromMs,
      toMs: null,
      isRetired: false,
      meterCountsFromMs: meterCountsFromMs(current),
      switchedAt: null,
    },
  }
  return {
    config: {
      ...config,
      meters: config.meters.map((one) => (one.key === current.key ? meter : one)),
      revisions: [...others, ...replaced.map((one) => endedBy(one, fromMs))],
    },
    meter,
  }
}

const endedBy = (meter: Meter, fromMs: number): Meter => ({
  ...meter,
  revision: {
    number: 0,
    fromMs: Number.NEGATIVE_INFINITY,
    isRetired: false,
    meterCountsFromMs: meter.countsFromMs,
    switchedAt: null,
    ...meter.revision,
    state: 'replaced',
    toMs: Math.min(meter.revision?.toMs ?? Number.POSITIVE_INFINITY, fromMs),
  },
})

// Actor: a tenant makes another meter, or archives it, while its events come in.

import fc from 'fast-check'
import { TollgateError } from '../../../src/kernel/errors.ts'
import { newId } from '../../../src/kernel/ids.ts'
import { archiveMeter } from '../../../src/metering/archive-meter.ts'
import { createMeter } from '../../../src/metering/create-meter.ts'
import { EXTRA_METERS, extraMeter, reachesBack } from '../plan.ts'
import type { Extra } from '../world.ts'
import { operation, pace, some } from './operation.ts'

export const meters = operation({
  name: 'meters',
  weight: 5,
  arbitrary: fc.record({ isolate: some, tenant: some, n: fc.nat(EXTRA_METERS - 1), pace }),
  async run(world, input) {
    const isolate = world.isolate(input.isolate)
    const tenant = world.tenant(input.tenant)
    const { oracle } = world
    let extra = world.extras.find(({ tenant: number, n }) => number === tenant.number && n === input.n)
    if (!extra) {
      extra = {
        tenant: tenant.number,
        n: input.n,
        createBegunAt: ++oracle.now,
        createdAt: null,
        archiveBegunAt: null,
        archivedAt: null,
      }
      world.extras.push(extra)
    }
    const changed: Extra = extra
    const { key, name, resourceType, aggregation, value, groupBy, missing, filter } = extraMeter(input.n)
    const { services } = isolate
    if (changed.createdAt === null) {
      await world.start('create-meter', isolate, input.pace, async () => {
        const config = await services.configs.load(tenant.id)
        const type = { resource_type: resourceType, aggregation, value, group_by: groupBy }
        const countsFrom = reachesBack(input.n) ? 'beginning' : null
        const made = { key, name, ...type, missing, filter, counts_from: countsFrom }
        await createMeter(services, { tenant: config, newId }, made).catch((error: unknown) => {
          // Another run of this has been faster, and the meter was archived since.
          if (
            !(error instanceof TollgateError && error.code === 'already_exists' && changed.createdAt !== null)
          )
            throw error
        })
        changed.createdAt ??= ++oracle.now
      })
    } else {
      changed.archiveBegunAt ??= ++oracle.now
      await world.start('archive-meter', isolate, input.pace, async () => {
        const config = await services.configs.load(tenant.id)
        await archiveMeter(services, { tenant: config }, { key }).catch((error: unknown) => {
          // Postgres was put back meanwhile to before it was made.
          const gone = !world.extras.includes(changed)
          if (!(gone && error instanceof TollgateError && error.code === 'not_found')) throw error
        })
        changed.archivedAt ??= ++oracle.now
      })
    }
  },
})

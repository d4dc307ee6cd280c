// Steps that matter in just this order, and would seldom be drawn in it.

import fc from 'fast-check'
import { smoothly } from '../world.ts'
import { flush } from './flush.ts'
import { meters } from './meters.ts'
import { operation, some } from './operation.ts'
import { readUsage } from './read.ts'
import { send } from './send.ts'

/** What is open is settled, and then a replica takes over on which it is open still; events go on. */
export const failover = operation({
  name: 'failover',
  weight: 3,
  arbitrary: fc.record({ flush: flush.arbitrary, send: send.arbitrary }),
  async run(world, input) {
    if (world.setup.goesBack !== 'redis') return
    const image = { redis: await world.redis.image(), at: world.oracle.now }
    await flush.run(world, input.flush)
    await world.rollBack(image)
    await send.run(world, input.send)
  },
})

/** One isolate knows the meters, another one changes them, and the first one is sent events. */
export const changeBehind = operation({
  name: 'change-behind',
  weight: 3,
  arbitrary: fc.record({ meters: meters.arbitrary, send: send.arbitrary, customer: some }),
  async run(world, input) {
    const { tenant } = input.meters
    const isolate = input.meters.isolate + 1
    await readUsage.run(world, {
      isolate,
      tenant,
      customer: input.customer,
      customers: 1,
      onlyDigits: false,
      pace: smoothly,
    })
    await meters.run(world, input.meters)
    await send.run(world, { ...input.send, isolate, tenant })
  },
})

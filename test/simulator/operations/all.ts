// Every operation that a schedule is drawn from. To add an actor, write a file with an `operation` (see operation.ts and, as an
// example, flush.ts) and name it here.

import fc from 'fast-check'
import {
  deliver,
  forgetScripts,
  image,
  kill,
  outage,
  postgresImage,
  postgresRestore,
  restore,
  time,
} from './faults.ts'
import { flush } from './flush.ts'
import { changeBehind, failover, restoreUnderFlush } from './in-order.ts'
import { meters } from './meters.ts'
import type { Operation } from './operation.ts'
import { overlap } from './overlap.ts'
import { bill, customers, readGroups, readUsage } from './read.ts'
import { reconcile, reoffer } from './repair.ts'
import { retry } from './retry.ts'
import { send } from './send.ts'

// biome-ignore lint/suspicious/noExplicitAny: each operation has an input of its own
const operations: Operation<any>[] = [
  send,
  retry,
  flush,
  readUsage,
  readGroups,
  bill,
  customers,
  meters,
  overlap,
  failover,
  restoreUnderFlush,
  changeBehind,
  deliver,
  time,
  kill,
  forgetScripts,
  outage,
  image,
  restore,
  postgresImage,
  postgresRestore,
  reoffer,
  reconcile,
]

export type Step = { op: string; input: unknown }

export const stepArbitrary: fc.Arbitrary<Step> = fc.oneof(
  ...operations.map(({ name, weight, arbitrary }) => ({
    weight,
    arbitrary: arbitrary.map((input: unknown) => ({ op: name, input })),
  })),
)

export const operationOf = (step: Step): Operation<unknown> =>
  operations.find(({ name }) => name === step.op)!

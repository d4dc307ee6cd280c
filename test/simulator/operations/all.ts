// Every operation that a schedule is drawn from. To add an actor, write a file with an `operation` (see operation.ts and, as an
// example, flush.ts) and name it here.

import { entering, takingBack, voiding } from './correct.ts'
import { correctUnder } from './correct-in-order.ts'
import { erasing, erasingRun } from './erase.ts'
import { eraseUnder } from './erase-in-order.ts'
import { events, whisper } from './events.ts'
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
import { importing } from './import.ts'
import { importAgainLater } from './import-in-order.ts'
import { changeBehind, failover, lossBehindDeath, restoreUnderFlush } from './in-order.ts'
import { meters } from './meters.ts'
import type { Operation } from './operation.ts'
import { overlap } from './overlap.ts'
import { bill, customers, readGroups, readUsage } from './read.ts'
import { reconcile, reoffer } from './repair.ts'
import { restoreUnderVoid } from './restore-in-order.ts'
import { retry } from './retry.ts'
import { cancelling, filling, readRevised, revising } from './revise.ts'
import { reviseUnder } from './revise-in-order.ts'
import { rush } from './rush.ts'
import { send } from './send.ts'

// biome-ignore lint/suspicious/noExplicitAny: each operation has an input of its own
export const operations: Operation<any>[] = [
  send,
  retry,
  rush,
  flush,
  readUsage,
  readGroups,
  bill,
  customers,
  events,
  whisper,
  voiding,
  takingBack,
  entering,
  correctUnder,
  erasing,
  erasingRun,
  revising,
  cancelling,
  filling,
  readRevised,
  reviseUnder,
  eraseUnder,
  importing,
  importAgainLater,
  meters,
  overlap,
  failover,
  lossBehindDeath,
  restoreUnderFlush,
  restoreUnderVoid,
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

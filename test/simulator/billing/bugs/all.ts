import type { Bug } from '../../bug.ts'
import { amountBugs } from './amounts.ts'
import { closingBugs } from './closing.ts'
import { recountBugs } from './recounts.ts'
import { usageBugs } from './usage.ts'

export const billingBugs: Bug[] = [...closingBugs, ...usageBugs, ...recountBugs, ...amountBugs]

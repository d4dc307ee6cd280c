import type { Bug } from '../bug.ts'

export const billingBugs: Bug[] = []

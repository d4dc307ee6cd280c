import type { Bug } from '../bug.ts'
import { logBugs } from './log.ts'
import { scriptBugs } from './scripts.ts'
import { statementBugs } from './statements.ts'
import { storeBugs } from './stores.ts'

export const bugs: Bug[] = [...storeBugs, ...scriptBugs, ...statementBugs, ...logBugs]

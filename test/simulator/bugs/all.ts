import type { Bug } from '../bug.ts'
import { correctionBugs } from './corrections.ts'
import { erasureBugs } from './erasures.ts'
import { importBugs } from './imports.ts'
import { logBugs } from './log.ts'
import { offeredBugs } from './offered.ts'
import { revisionBugs } from './revisions.ts'
import { scriptBugs } from './scripts.ts'
import { statementBugs } from './statements.ts'
import { storeBugs } from './stores.ts'

export const bugs: Bug[] = [
  ...storeBugs,
  ...scriptBugs,
  ...statementBugs,
  ...logBugs,
  ...correctionBugs,
  ...offeredBugs,
  ...erasureBugs,
  ...revisionBugs,
  ...importBugs,
]

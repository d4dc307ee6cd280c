// The Worker, with objects that tell what of the closing they did.

import type { CloseReport } from '../../src/billing/invoices/close-due.ts'
import type { DueRange } from '../../src/billing/invoices/due-range.ts'
import worker, { Committer as Real } from '../../src/worker.ts'

export class Committer extends Real {
  override async close(range: DueRange, lane: number): Promise<CloseReport> {
    const report = await super.close(range, lane)
    console.log(`object ${lane} issued ${report.issued}`)
    return report
  }
}

export default worker

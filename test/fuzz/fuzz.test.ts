import { expect, inject, it } from 'vitest'
import { describeViolations } from './report.ts'
import { run } from './run.ts'

const DEFAULT_REQUESTS = { node: 600, workerd: 300 }

it('no request, however wrong, brings an answer that is not in the document, or moves what it must not', async ({
  task,
}) => {
  const platform = task.file.projectName?.includes('workerd') ? 'workerd' : 'node'
  const requests = Number(process.env.FUZZ_REQUESTS ?? DEFAULT_REQUESTS[platform])
  const seed = process.env.FUZZ_SEED ?? String(Date.now())
  const report = await run({ ...inject('server'), platform, requests, seed })
  expect(report.violations, describeViolations(report)).toEqual([])
  expect(report.requests).toBeGreaterThanOrEqual(requests)
  expect(report.accepted).toBeGreaterThan(0)
})

// A run’s report, for people.

import type { Report } from './run.ts'

export function describeReport(report: Report, seconds: number): string {
  const { seed, requests, statuses, accepted, coverage, violations } = report
  const rows = Object.entries(coverage).map(
    ([name, { sent, success, refused }]) =>
      `  ${name.padEnd(55)} ${[sent, success, refused].map((count) => String(count).padStart(7)).join('')}`,
  )
  return [
    `  ${'operation'.padEnd(55)}    sent  valid→2xx  →4xx`,
    ...rows,
    `answers: ${Object.entries(statuses)
      .map(([status, count]) => `${status}: ${count}`)
      .join(', ')}`,
    `${requests} requests in ${seconds.toFixed(0)} s, ${accepted} events accepted and counted, seed ${seed}`,
    violations.length === 0 ? 'Nothing was wrong.' : describeViolations(report),
  ].join('\n')
}

export const describeViolations = ({ violations, seed }: Report): string =>
  `${violations.length} violations with seed ${seed}:\n${violations.map((one, i) => `${i + 1}. ${one}`).join('\n')}`

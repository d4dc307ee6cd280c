// What is full says what is full, what helps and when.

import { describe, expect, it } from 'vitest'
import { TollgateError } from '../../src/kernel/errors.ts'
import { defaultLimits } from '../../src/metering/limits.ts'
import { backlogFull } from '../../src/metering/record-result.ts'
import { saidOfMemory } from '../../src/stores/redis/memory-full.ts'

describe('a backlog that is full', () => {
  it.each([
    ['tenant', 'counters', 'backlog_full', /^Counters of yours wait to be settled, and 250000 of them/],
    [
      'partition',
      'counters',
      'backlog_full',
      /^Counters of all tenants here wait to be settled, and 1000000 of/,
    ],
    ['tenant', 'log', 'log_backlog_full', /^Events of yours wait to be written to the event log, and 500 MB/],
    ['partition', 'log', 'log_backlog_full', /^Events of all tenants here wait .* and 2000 MB of them/],
  ] as const)('of the %s, of %s, says so, and when there is room again', (scope, of, code, detail) => {
    const error = backlogFull({ kind: 'backlog_full', scope, of }, defaultLimits)
    expect(error).toMatchObject({ code, retryAfterSeconds: 60, detail: expect.stringMatching(detail) })
    expect(error.detail).toContain('the aggregator does every minute')
  })
})

describe('a counter store without memory', () => {
  const unavailable = (internal: unknown) =>
    new TollgateError('store_unavailable', 'The counters can’t be reached.', { internal })

  it.each([
    "OOM command not allowed when used memory > 'maxmemory'. script: 12ab, on @user_script:3.",
    'ERR DB capacity quota exceeded. Limit: 268435456, Usage: 268435460',
  ])('says that it is full, and of what: %s', (message) => {
    const said = saidOfMemory(unavailable(new Error(message)))
    expect(said).toMatchObject({ code: 'memory_full', retryAfterSeconds: 60 })
    expect((said as TollgateError).detail).toContain('dedupe_window_hours')
  })

  it('is not what is wrong with one that can’t be reached', () => {
    for (const error of [unavailable(new Error('ECONNREFUSED')), unavailable('OOM'), new Error('OOM')])
      expect(saidOfMemory(error)).toBe(error)
  })
})

// A few rounds of what `npm run faults -- --embedded` runs a hundred of. It needs no server.

import { describe, expect, it } from 'vitest'
import { isFull } from '../support/effort.ts'
import { runEmbedded } from './embedded.ts'

describe('the app over its embedded stores, killed under load', () => {
  it('has all that it acknowledged, once', async () => {
    const events: number[] = []
    const violations = await runEmbedded({
      seed: 'quick',
      kills: 1,
      onKill: (kill) => events.push(kill.events),
    })
    expect(violations).toEqual([])
    expect(Math.min(...events)).toBeGreaterThan(0)
  })

  // For CI: it takes as long again.
  it.runIf(isFull)('would be found out if its file lost what was acknowledged', async () => {
    const violations = await runEmbedded({ seed: 'lost', kills: 1, sabotage: true })
    expect(violations.join('\n')).toMatch(
      /acknowledged, but is not in the (bill|log)|it must be|was accepted 2 times/,
    )
  })
})

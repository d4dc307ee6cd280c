import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { capacity } from '../../bench/capacity.ts'

it('docs/scale.md has the tables that `npm run capacity` computes', () => {
  expect(readFileSync('docs/scale.md', 'utf8')).toContain(capacity())
})

// Whether tools like the API's document: two linters find nothing, and what two generators make of it compiles, with the types
// that a caller hopes for. `npm run check:api`

import { spawnSync } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { apiDocument } from './document.ts'

const here = import.meta.dirname
const out = join(here, 'out')
const bin = (name: string) => join(here, 'node_modules/.bin', name)
const quiet = {
  REDOCLY_TELEMETRY: 'off',
  REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true',
  SCARF_ANALYTICS: 'false',
  DO_NOT_TRACK: '1',
}

function run(what: string, command: string, args: string[]): void {
  console.log(`\n--- ${what}`)
  const { status, error } = spawnSync(command, args, {
    cwd: here,
    stdio: 'inherit',
    env: { ...process.env, ...quiet },
  })
  if (error) throw error
  if (status !== 0) process.exit(status ?? 1)
}

rmSync(out, { recursive: true, force: true })
mkdirSync(out)
writeFileSync(join(out, 'openapi.json'), JSON.stringify(apiDocument('https://tollgate.example.net'), null, 2))

run('redocly', bin('redocly'), ['lint', 'out/openapi.json', '--config', 'redocly-rules.yaml'])
run('spectral', bin('spectral'), [
  'lint',
  'out/openapi.json',
  '--ruleset',
  'spectral.yaml',
  '--fail-severity',
  'hint',
])
run('openapi-typescript', bin('openapi-typescript'), ['out/openapi.json', '--output', 'out/openapi.d.ts'])
run('hey-api', bin('openapi-ts'), [])
run('types', join(here, '../../node_modules/.bin/tsc'), ['--project', 'types/tsconfig.json'])
console.log('\nThe document and the clients made of it are sound.')

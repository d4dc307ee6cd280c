// What the repo believes about its own structure.

import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { describe, expect, it } from 'vitest'

const root = join(import.meta.dirname, '..')
const filesIn = (folder: string): string[] =>
  readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))

const sources = filesIn('src')
const read = (file: string): string => readFileSync(join(root, file), 'utf8')

/** Every import of a file: another file of src by its path, or a package by its name. */
function importsOf(file: string): string[] {
  const statements =
    /^(?:import|export)\b[^'\n]* from '([^']+)'|^\} from '([^']+)'|^import '([^']+)'|import\('([^']+)'\)/gm
  const specifiers = [...read(file).matchAll(statements)].map(
    (match) => match.slice(1).find((name) => name !== undefined)!,
  )
  return specifiers.map((name) =>
    name.startsWith('.') ? relative(root, join(root, dirname(file), name)) : name,
  )
}

/** A folder may import itself and the folders named here. */
const mayImport: Record<string, string[]> = {
  kernel: [],
  metering: ['kernel'],
  pricing: ['kernel'],
  access: ['kernel', 'metering', 'pricing', 'billing/plan.ts', 'billing/ports.ts'],
  log: ['kernel', 'metering', 'pricing', 'access'],
  billing: ['kernel', 'metering', 'pricing', 'access', 'log'],
  stores: ['kernel', 'metering', 'pricing', 'access', 'log', 'billing'],
  http: ['kernel', 'metering', 'pricing', 'access', 'log', 'billing', 'services.ts'],
  jobs: ['kernel', 'metering', 'pricing', 'access', 'log', 'billing', 'services.ts'],
}
const domains = ['kernel', 'metering', 'pricing', 'access', 'log', 'billing']
/** What computes and reaches for nothing: of the last, the bytes of a file format. */
const PURE_PACKAGES = ['zod', 'big.js', 'temporal-polyfill', 'hyparquet-writer']

const allowed = (target: string, may: string[]): boolean =>
  may.some((one) => target === `src/${one}` || target.startsWith(`src/${one}/`))

describe('the house', () => {
  it.each(Object.entries(mayImport))('%s imports only what stands below it', (folder, below) => {
    const wrong = sources
      .filter((file) => file.startsWith(`src/${folder}/`))
      .flatMap((file) =>
        importsOf(file)
          .filter((target) => target.startsWith('src/') && !allowed(target, [folder, ...below]))
          .map((target) => `${file} → ${target}`),
      )
    expect(wrong).toEqual([])
  })

  it('domains know no framework, no client and no runtime', () => {
    const wrong = sources
      .filter((file) => domains.some((domain) => file.startsWith(`src/${domain}/`)))
      .flatMap((file) =>
        importsOf(file)
          .filter((target) => !target.startsWith('src/') && !PURE_PACKAGES.includes(target))
          .map((target) => `${file} → ${target}`),
      )
    // Hashing and packing have one door each, and are native in every runtime.
    expect(wrong).toEqual(['src/kernel/deflate.ts → node:zlib', 'src/kernel/digest.ts → node:crypto'])
  })

  it('no production file imports src/local', () => {
    const wrong = sources.filter(
      (file) =>
        !file.startsWith('src/local/') && importsOf(file).some((target) => target.startsWith('src/local/')),
    )
    expect(wrong).toEqual([])
  })

  it('the Worker imports nothing that only Node has', () => {
    const seen = new Set<string>()
    const packages = new Set<string>()
    const visit = (file: string) => {
      if (seen.has(file)) return
      seen.add(file)
      for (const target of importsOf(file)) target.startsWith('src/') ? visit(target) : packages.add(target)
    }
    visit('src/worker.ts')
    expect(
      [...packages].filter((name) =>
        /^(pg|ioredis|@electric-sql|js-redis-server|@hono\/node-server|node:(?!(crypto|zlib)$))/.test(name),
      ),
    ).toEqual([])
    expect(seen.size).toBeGreaterThan(50)
  })

  it('only config.ts reads the environment, and .env.example names all it reads', () => {
    const doors = ['src/env-file.ts', 'src/on-stop.ts']
    const readers = sources.filter(
      (file) =>
        !file.startsWith('src/local/') &&
        !doors.includes(file) &&
        /process\.env\b(?! in Node)/.test(read(file)),
    )
    expect(readers).toEqual([])
    const known = [...read('src/config.ts').matchAll(/^ {4}([A-Z][A-Z0-9_]+):/gm)].map((match) => match[1]!)
    const named = [...read('.env.example').matchAll(/^#? ?([A-Z][A-Z0-9_]+)=/gm)].map((match) => match[1]!)
    expect(known.length).toBeGreaterThan(10)
    expect(named.sort()).toEqual(known.sort())
  })

  it('every file holds one thing: none is longer than 300 lines', () => {
    const long = sources.filter((file) => read(file).split('\n').length > 300)
    expect(long).toEqual([])
  })

  it('every module says at its head what it is for', () => {
    const mute = sources.filter(
      (file) =>
        !/^(\/\/|\/\*\*|import .*\n(import .*\n)*\n\/\*\*)/.test(read(file)) && !/^\/\*\*/m.test(read(file)),
    )
    expect(mute).toEqual([])
  })
})

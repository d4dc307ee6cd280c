// The command line of `npm run bench`.

export const parts = [
  'record',
  'settle',
  'bill',
  'invoices',
  'http',
  'log',
  'month',
  'embedded',
  'worker',
  'scale',
  'scale-closing',
  'scale-databases',
  'scale-moves',
] as const
export type Part = (typeof parts)[number]

export type Options = {
  only: Part[]
  /** shorter and smaller: to see that it works, not for figures to publish */
  quick: boolean
  /** how long each way of scale-databases and scale-moves is measured; null: as is usual */
  seconds: number | null
  /** event ids in the window, where there are many */
  ids: number
}

const IDS = 50_000_000
const IDS_QUICK = 5_000_000

export const USAGE = `npm run bench -- [--only ${parts.join(',')}] [--quick] [--seconds 60] [--ids 50000000]

It needs two real servers, which it leaves as it found them (--only embedded needs none):
  REDIS_URL      such as redis://127.0.0.1:6379      it works in logical database 9, which has to be empty
  DATABASE_URL   such as postgres://127.0.0.1:5432/postgres   it creates a database tollgate_bench, and drops it

To start both on this machine:
  redis-server --save '' --appendonly no &
  initdb -D /tmp/pg && pg_ctl -D /tmp/pg -l /tmp/pg.log start
  REDIS_URL=redis://127.0.0.1:6379 DATABASE_URL=postgres://127.0.0.1:5432/postgres npm run bench`

/** Throws an Error with the usage for what it does not know. */
export function readOptions(args: string[]): Options {
  const options: Options = { only: [...parts], quick: args.includes('--quick'), seconds: null, ids: 0 }
  options.ids = options.quick ? IDS_QUICK : IDS
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!
    if (arg === '--quick') continue
    if (arg === '--seconds') options.seconds = secondsIn(args[++i] ?? '')
    else if (arg === '--ids') options.ids = idsIn(args[++i] ?? '')
    else if (arg === '--only') options.only = partsIn(args[++i] ?? '')
    else if (arg.startsWith('--only=')) options.only = partsIn(arg.slice('--only='.length))
    else throw new Error(`There is no option ${arg}.\n\n${USAGE}`)
  }
  return options
}

function idsIn(text: string): number {
  const ids = Number(text)
  if (!Number.isInteger(ids) || ids < 1_000_000) throw new Error(`--ids takes 1000000 or more.\n\n${USAGE}`)
  return ids
}

function partsIn(list: string): Part[] {
  const wanted = list.split(',')
  const unknown = wanted.filter((name) => !(parts as readonly string[]).includes(name))
  if (unknown.length > 0) throw new Error(`--only takes parts of ${parts.join(',')}.\n\n${USAGE}`)
  // One that consists of several means all of them.
  return parts.filter((part) => wanted.some((name) => part === name || part.startsWith(`${name}-`)))
}

function secondsIn(text: string): number {
  const seconds = Number(text)
  if (!(seconds > 0)) throw new Error(`--seconds takes a number above zero.\n\n${USAGE}`)
  return seconds
}

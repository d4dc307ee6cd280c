// Closing a month by one invocation and by four, each a process of its own; and in one process, two ranges at a time, as Node does.

import type { ChildProcess } from 'node:child_process'
import { type CloseReport, nothingClosed } from '../src/billing/invoices/close-due.ts'
import { closeInRanges } from '../src/billing/invoices/close-ranges.ts'
import { ended, start } from './child.ts'
import type { CloseAnswer, CloseJob } from './close-child.ts'
import { closing } from './closing.ts'
import { cpuMeter, machineMeter, pidsNamed } from './cpu.ts'
import { noFence } from './fill.ts'
import { closingServices, makeTenant, toClose } from './invoices.ts'
import { inTurn, median, medianRatio, seconds } from './measure.ts'
import type { Options } from './options.ts'
import { faster, inSeconds, type Row, type Section, short, whole } from './report.ts'
import type { Servers } from './servers.ts'
import { openWorld, type World } from './world.ts'

const SUBSCRIPTIONS = 10_000
const AT_ONCE = 4
const ROUNDS = 3
/** A call to a store over a network, where there is one. */
const DELAY_MS = 20
/** What a closing writes. */
const TABLES = ['subscriptions', 'accounts', 'invoices', 'numbering']

export async function benchCloseRanges(servers: Servers, { quick }: Options): Promise<Section[]> {
  await servers.clear()
  const world = openWorld(servers, noFence)
  const { redisUrl: REDIS_URL, databaseUrl: DATABASE_URL } = servers
  const children = Array.from({ length: AT_ONCE }, () => start('close-child.ts', { REDIS_URL, DATABASE_URL }))
  for (const child of children) child.stderr!.pipe(process.stderr)
  const closeChildren = closing(() => Promise.all(children.map(ended)))
  try {
    const count = quick ? SUBSCRIPTIONS / 5 : SUBSCRIPTIONS
    const services = closingServices(world)
    const tenant = await makeTenant(services)
    await toClose(services, world, tenant, { count, prefix: 'range_' })
    await keep(world)
    const measured = (close: () => Promise<CloseReport>) => async () => {
      await putBack(world)
      const cpu = cpuMeter([
        { name: 'node', pids: () => [process.pid, ...children.map(({ pid }) => pid!)] },
        { name: 'postgres', pids: () => pidsNamed('postgres') },
      ])
      const machine = machineMeter()
      let report = nothingClosed()
      const took = await seconds(async () => {
        report = await close()
      })
      await mustBeClosed(world, report, count)
      return { seconds: took, cpu: cpu(), machine: machine() }
    }
    const alone = children[0]!
    const four = (delayMs: number) => () =>
      closeInRanges(services, (range, lane) => ask(children[lane]!, { range, delayMs }), AT_ONCE)
    const ways = {
      one: measured(() => ask(alone, { rest: 1, delayMs: 0 })),
      two: measured(() => ask(alone, { rest: 2, delayMs: 0 })),
      four: measured(four(0)),
      farOne: measured(() => ask(alone, { rest: 1, delayMs: DELAY_MS })),
      farFour: measured(four(DELAY_MS)),
    }
    await inTurn(ways, 1)
    const found = await inTurn(ways, quick ? 1 : ROUNDS)
    return [sectionOf(count, found)]
  } finally {
    await Promise.all([closeChildren(), world.close()])
  }
}

type Measured = { seconds: number; cpu: Record<string, number>; machine: number }
type Way = 'one' | 'two' | 'four' | 'farOne' | 'farFour'

function sectionOf(count: number, found: Record<Way, Measured[]>): Section {
  const times = (all: Measured[]) => all.map((one) => one.seconds)
  const cpu = (all: Measured[], name: string) => inSeconds(median(all.map((one) => one.cpu[name]!)))
  const row = (what: string, all: Measured[], one = found.one): Row => ({
    what,
    ...(all !== one && { ratio: faster(medianRatio(times(one), times(all))) }),
    figure: `${inSeconds(median(times(all)))}, ${whole(count / median(times(all)))} a second`,
    naive: `processor: Node ${cpu(all, 'node')}, Postgres ${cpu(all, 'postgres')}; ${short(median(all.map((each) => each.machine)))} cores busy in all`,
  })
  return {
    title: `Closing ${whole(count)} subscriptions by ranges`,
    rows: [
      row('by one invocation, run after run', found.one),
      row('by one process, two ranges at a time', found.two),
      row(`by ${AT_ONCE} invocations, each a process`, found.four),
      row(`by one, every call ${DELAY_MS} ms longer`, found.farOne, found.farOne),
      row(`by ${AT_ONCE}, every call ${DELAY_MS} ms longer`, found.farFour, found.farOne),
    ],
    notes: [`“against naive” is here against one invocation; ${found.one.length} rounds in turn`],
  }
}

/** `close-child.ts` answers one job at a time. */
function ask(child: ChildProcess, job: CloseJob): Promise<CloseReport> {
  return new Promise((resolve, reject) => {
    const gone = () => reject(new Error('A process that closes has ended'))
    child.once('exit', gone)
    child.once('message', (answer: CloseAnswer) => {
      child.off('exit', gone)
      if ('error' in answer) reject(new Error(answer.error))
      else resolve(answer.report)
    })
    child.send(job)
  })
}

async function keep({ pool }: World): Promise<void> {
  for (const table of TABLES) {
    await pool.query(`drop table if exists kept_${table}`)
    await pool.query(`create table kept_${table} as table ${table}`)
  }
}

async function putBack({ pool }: World): Promise<void> {
  await pool.query(`truncate ${TABLES.join(', ')}`)
  for (const table of TABLES) await pool.query(`insert into ${table} select * from kept_${table}`)
  for (const table of [...TABLES, 'usage', 'usage_days']) await pool.query(`vacuum analyze ${table}`)
}

/** Everybody has one invoice, and the numbers have no gap. */
async function mustBeClosed({ pool }: World, report: CloseReport, count: number): Promise<void> {
  const { rows } = await pool.query(
    'select count(distinct customer_id)::int as customers, count(*)::int as invoices, max(number)::int as last from invoices where number is not null',
  )
  const { customers, invoices, last } = rows[0]
  if (report.failed.length > 0) throw new Error(`Not closed: ${report.failed[0]!.reason}`)
  if (![customers, invoices, last].every((one) => one === count))
    throw new Error(`Of ${count} subscriptions ${customers} have ${invoices} invoices, the last is ${last}`)
}

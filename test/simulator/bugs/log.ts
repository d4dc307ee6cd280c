// Bugs of the event log.

import { LOG_METER, parseCounter } from '../../../src/metering/counter.ts'
import type { Bug } from '../bug.ts'
import { replaced } from './replaced.ts'

const replacing = (what: string, by: string) => (text: string) => text.replaceAll(what, () => by)

/** Nobody looks whether Postgres has the blocks that it should. */
const lackingNothing = (statement: string): string =>
  statement
    .replace('where (select number from lacking) = 0', '')
    .replace('(select number from lacking)::text as lacking', `'0' as lacking`)

const isOfLog = (field: string): boolean => parseCounter(field, '0').meter === LOG_METER

export const logBugs: Bug[] = [
  {
    name: 'a duplicate is logged',
    what: 'the log has an event again each time that it is sent again beside new ones',
    scripts: {
      record: replacing(
        `verdict = seen == string.sub(prints[e], 1, #seen) and 'd' or 'c'`,
        `verdict = seen == string.sub(prints[e], 1, #seen) and 'd' or 'c'
      if verdict == 'd' then lines[#lines + 1] = ARGV[starts[e] - 1] end`,
      ),
    },
  },
  {
    name: 'a refused batch is logged',
    what: 'what a batch would have logged stays, though it is refused, where others share its call',
    scripts: { record: replacing('for i = #lines, lines_before + 1, -1 do lines[i] = nil end', '') },
  },
  {
    name: 'blocks after the settle',
    what: 'the blocks are made when their segment is settled already',
    sql: lackingNothing,
    ...afterSettle(),
  },
  {
    name: 'blocks after the discard',
    what: 'the blocks are made when their segment is out of Redis already',
    sql: lackingNothing,
    ...afterDiscard(),
  },
  {
    name: 'an index of its own',
    what: 'a segment is settled in one statement, and its blocks are entered in the next',
    usage: (real) =>
      replaced(real, {
        settle: async (segment, counters, blocks) => {
          const settled = await real.settle(segment, counters)
          if (settled.applied) await real.settle({ ...segment, id: `${segment.id}-index` }, [], blocks)
          return settled
        },
      }),
  },
  {
    name: 'no blocks kept',
    what: 'a settled segment drops its log, and keeps nothing to make its blocks of again',
    scripts: { discard: replacing(`redis.call('HSET', segment_key(ARGV[1]), '!kept', ARGV[5])`, '') },
  },
  {
    name: 'a log without a counter',
    what: 'logging an event counts nothing, so that a segment of events that no meter counts is never sealed',
    counters: (real) =>
      replaced(real, {
        record: (batch) =>
          real.record({
            ...batch,
            events: batch.events.map((event) => ({
              ...event,
              deltas: event.deltas.filter(({ counter }) => !isOfLog(batch.counters[counter]!.field)),
            })),
          }),
      }),
  },
  {
    name: 'lacking blocks entered',
    what: 'the index names blocks that a Postgres which was put back has lost',
    sql: lackingNothing,
  },
  {
    name: 'settled and live',
    what: 'a read shows what was settled under it from Redis and from its blocks',
    logIndex: (real) =>
      replaced(real, {
        findBlocks: async (query, segments) => ({
          ...(await real.findBlocks(query, segments)),
          settled: new Set<string>(),
        }),
      }),
  },
]

/** The blocks of an isolate wait. `puts`: those of the isolate whose stores are made next, as they are made one after the other. */
function waitingBlocks(): { blocks: NonNullable<Bug['blocks']>; puts: () => () => Promise<void> } {
  let newest: (() => Promise<void>)[] = []
  return {
    blocks: (real) => {
      const waiting: typeof newest = []
      newest = waiting
      return replaced(real, {
        put: async (blocks) => {
          waiting.push(() => real.put(blocks))
        },
      })
    },
    puts: () => {
      const waiting = newest
      return async () => {
        for (const put of waiting.splice(0)) await put()
      }
    },
  }
}

/** … until it has settled a segment. */
function afterSettle(): Pick<Bug, 'blocks' | 'usage'> {
  const { blocks, puts } = waitingBlocks()
  return {
    blocks,
    usage: (real) => {
      const put = puts()
      return replaced(real, {
        settle: async (segment, counters, rows) => {
          const settled = await real.settle(segment, counters, rows)
          await put()
          return settled
        },
      })
    },
  }
}

/** … until it has discarded one. */
function afterDiscard(): Pick<Bug, 'blocks' | 'counters'> {
  const { blocks, puts } = waitingBlocks()
  return {
    blocks,
    counters: (real) => {
      const put = puts()
      return replaced(real, {
        discard: async (segment, content, kept) => {
          await real.discard(segment, content, kept)
          await put()
        },
      })
    },
  }
}

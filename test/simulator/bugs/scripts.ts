// Bugs in what Redis runs: the real scripts with a part replaced. A replacement that finds nothing to replace is an error.

import type { Bug } from '../bug.ts'

const replacing = (what: string, by: string) => (text: string) => text.replaceAll(what, () => by)

export const scriptBugs: Bug[] = [
  {
    name: 'GETDEL before the insert',
    what: 'reading a segment takes it out of Redis, before Postgres has it',
    scripts: {
      'read-segment': replacing(
        `return redis.call('HGETALL', segment_key(ARGV[1]))`,
        `local all = redis.call('HGETALL', segment_key(ARGV[1]))
redis.call('UNLINK', segment_key(ARGV[1]), index_key(ARGV[1]))
return all`,
      ),
    },
  },
  {
    name: 'no dedupe across generations',
    what: 'an id is looked up only in the newest generation of ids',
    scripts: {
      record: replacing('for _, generation in ipairs(older) do alive[#alive + 1] = generation end', ''),
    },
  },
  {
    name: 'ids forgotten too early',
    what: 'a closed generation of ids is dropped after a minute, not after the window',
    scripts: { record: replacing('tonumber(closed) + window > now', 'tonumber(closed) + 60000 > now') },
  },
  {
    name: 'floats',
    what: 'sums are computed with doubles',
    scripts: {
      record: replacing(
        'local function add(h1, m1, l1, h2, m2, l2) return carry(h1 + h2, m1 + m2, l1 + l2) end',
        `local function add(h1, m1, l1, h2, m2, l2)
  local sum = (h1 + h2) * 1e12 + (m1 + m2) + (l1 + l2) / 1e12
  local whole = floor(sum)
  local h = floor(whole / 1e12)
  return carry(h, whole - h * 1e12, floor((sum - whole) * 1e12 + 0.5))
end`,
      ),
    },
  },
  {
    name: 'latest by arrival',
    what: 'the event that comes last is taken for the latest',
    scripts: {
      record: replacing(
        'if less(bh, bm, bl, old[4], old[5], old[6]) then return old end',
        'if true then return new end',
      ),
    },
  },
  {
    name: 'segment ids from a counter',
    what: 'a segment is named by an ordinal alone, which comes back after a failover',
    scripts: {
      record: replacing(
        `integer(now) .. '-' .. microseconds .. '-' .. call.nonce .. '-' .. integer(partition.ordinal)`,
        `integer(partition.ordinal) .. '-' .. BASE`,
      ),
    },
  },
  {
    name: 'other content is a duplicate',
    what: 'the same id with another content is answered like a retry',
    scripts: { record: replacing(`seen == string.sub(prints[e], 1, #seen) and 'd' or 'c'`, `'d'`) },
  },
  {
    name: 'a refused batch in company',
    what: 'what a batch would have counted stays, though it is refused, where others share its call',
    scripts: { record: replacing('for i, s in pairs(before) do state[i] = s or nil end', '') },
  },
  {
    name: 'buckets of this call alone',
    what: 'ids are written to their buckets without those that were there before',
    scripts: {
      record: (text) =>
        replacing('texts[field] = text ..', 'texts[field] =')(replacing(`(texts[name] or '') ..`, '')(text)),
    },
  },
  {
    name: 'half of a divided field',
    what: 'where a field of ids is divided in two, the part that moves is not written',
    scripts: { record: replacing('changed[from], changed[to] = true, true', 'changed[from] = true') },
  },
  {
    name: 'ids shared by tenants',
    what: 'event ids are remembered without their tenant',
    scripts: {
      record: replacing(`'dd:' .. tenant .. ':'`, `'dd:all:'`),
    },
  },
  {
    name: 'half a customer id',
    what: 'a read takes every customer whose id begins with the one that was asked for',
    scripts: {
      'read-live': replacing(
        `prefix .. SEPARATOR, '(' .. string.sub(prefix, 2) .. AFTER`,
        `prefix, '(' .. string.sub(prefix, 2) .. '\\255'`,
      ),
    },
  },
  {
    name: 'stale meters go on counting',
    what: 'record does not compare the version of the configuration',
    scripts: {
      record: replacing(`if newest > version then return {'stale', integer(newest)} end`, ''),
    },
  },
  {
    name: 'discard without the index',
    what: 'a settled segment leaves its index behind',
    scripts: {
      discard: replacing(`redis.call('PEXPIRE', index_key(ARGV[1]), ARGV[2])`, ''),
    },
  },
  {
    name: 'a tally of some events',
    what: 'the tally of a batch takes only its first event',
    scripts: {
      record: replacing('t[1] + 1, t[2] + value[2]', 't[1] + (t[1] == 0 and 1 or 0), t[2] + value[2]'),
    },
  },
  {
    name: 'answers are not compared',
    what: 'what a server knows of the accounts is not held against what Redis has of them',
    scripts: { record: replacing('if known[1] > account[1] then', 'if false then') },
  },
  {
    name: 'a loss not added up',
    what: 'a loss is noted, but the account goes on without it',
    scripts: { record: replacing('account = known\n', '') },
  },
  {
    name: 'a late discard',
    what: 'a run of before an offer of kept segments discards after it what Postgres has lost',
    scripts: {
      discard: replacing(`if (meta[2] or '') ~= ARGV[3] then return 'OFFERED_AGAIN' end`, ''),
    },
  },
  {
    name: 'a full Redis stays full',
    what: 'sealing begins with a write that a full Redis refuses',
    scripts: { seal: replacing('redis.pcall(', 'redis.call(') },
  },
]

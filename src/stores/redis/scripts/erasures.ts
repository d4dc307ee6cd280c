import { script } from '../script.ts'
import { placedScript } from './placement.ts'

/**
 * Notes whose events are to be erased, so that a Postgres that is put back gets it again, and so that what is not settled yet is
 * not shown. Noting it again changes nothing.
 *
 * KEYS  1  the partition's meta      ARGV  1  tenant   2  what it covers, to µs   3  tenant, separator, customer, separator, id
 */
export const noteErasure = placedScript(
  'note-erasure',
  `redis.call('ZADD', ERASED, 'NX', ARGV[2], ARGV[3]) return 'OK'`,
)

/**
 * KEYS  1  the partition's meta      ARGV  1  how many to skip   2  how many at most      Returns  {noted, to µs, …}
 */
export const notedErasures = script(
  'noted-erasures',
  `return redis.call('ZRANGE', ERASED, ARGV[1], tonumber(ARGV[1]) + tonumber(ARGV[2]) - 1, 'WITHSCORES')`,
)

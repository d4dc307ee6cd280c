// Gives jobs to the load generator, one at a time.

import { ended, start } from './child.ts'
import { closing } from './closing.ts'
import type { LoadAnswer, LoadJob, LoadResult } from './load.ts'

export type Load = {
  run(job: Omit<LoadJob, 'run' | 'method'> & { method?: LoadJob['method'] }): Promise<LoadResult>
  close(): Promise<void>
}

export function startLoad(): Load {
  const child = start('load.ts')
  child.stderr!.pipe(process.stderr)
  return {
    run: (job) =>
      new Promise((resolve, reject) => {
        const gone = () => reject(new Error('The load generator ended'))
        child.once('exit', gone)
        child.once('message', (answer: LoadAnswer) => {
          child.off('exit', gone)
          if ('error' in answer) reject(new Error(answer.error))
          else resolve(answer.result)
        })
        child.send({ method: 'POST', ...job, run: crypto.randomUUID().slice(0, 8) } satisfies LoadJob)
      }),
    close: closing(() => ended(child)),
  }
}

// Loaded into the app by the soak (`node --import`): at a signal it collects its garbage and writes how much memory it has.

import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

process.on('SIGUSR2', () => {
  collectGarbage()
  const { heapUsed, external } = process.memoryUsage()
  console.log(`memory ${heapUsed} ${external}`)
})

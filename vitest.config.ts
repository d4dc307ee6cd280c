import { defineConfig } from 'vitest/config'

const shared = { testTimeout: 180_000, hookTimeout: 120_000 }

/** Tests that send requests to a server which is started for them: the same ones in Node and in workerd. */
const overHttp = (name: string, include: string, globalSetup: string) => ({
  test: { name, include: [include], globalSetup, ...shared },
})
const http = 'test/http/**/*.test.ts'
const fuzz = 'test/fuzz/fuzz.test.ts'
/** Tests of other files once more, on other stores: each in modules of its own. */
const again = ['test/laws/two-databases.test.ts', 'test/local/redis-cluster.test.ts']
const node = 'test/http/setup-node.ts'
const workerd = 'test/http/setup-workerd.ts'

export default defineConfig({
  test: {
    maxWorkers: 2,
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: ['**/node_modules/**', http, fuzz, ...again],
          // Loading the modules anew for each file was a third of the processor time.
          isolate: false,
          setupFiles: 'test/support/unit.ts',
          ...shared,
        },
      },
      { test: { name: 'unit, again', include: again, ...shared } },
      overHttp('http on Node', http, node),
      overHttp('http on workerd', http, workerd),
      // On servers of their own: they flush and revoke what others count on.
      overHttp('fuzz on Node', fuzz, node),
      overHttp('fuzz on workerd', fuzz, workerd),
    ],
  },
})

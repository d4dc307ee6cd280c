import { defineConfig } from 'vitest/config'

const shared = { testTimeout: 120_000, hookTimeout: 120_000 }

export default defineConfig({
  test: {
    maxWorkers: 2,
    projects: [
      { test: { name: 'unit', include: ['test/**/*.test.ts'], exclude: ['test/http/**'], ...shared } },
      // The same HTTP suite against the app in Node and in workerd.
      {
        test: {
          name: 'http on Node',
          include: ['test/http/**/*.test.ts'],
          globalSetup: 'test/http/setup-node.ts',
          ...shared,
        },
      },
      {
        test: {
          name: 'http on workerd',
          include: ['test/http/**/*.test.ts'],
          globalSetup: 'test/http/setup-workerd.ts',
          ...shared,
        },
      },
    ],
  },
})

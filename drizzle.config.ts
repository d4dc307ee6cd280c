import { defineConfig } from 'drizzle-kit'

export default defineConfig({
  dialect: 'postgresql',
  schema: [
    ...['schema', 'billing-schema', 'log-schema', 'act-schema', 'transfer-schema', 'placement-schema'],
  ].map((file) => `./src/stores/postgres/${file}.ts`),
  out: './migrations',
})

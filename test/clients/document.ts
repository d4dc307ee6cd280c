// The API's document, without a server: to make it, no service is called.

import { createApp } from '../../src/http/app.ts'
import { openApiDocument } from '../../src/http/openapi.ts'
import type { Services } from '../../src/services.ts'

export function apiDocument(origin: string) {
  const services = new Proxy({ adminToken: null } as Services, {
    get: (known, name) => (name in known ? known[name as keyof Services] : {}),
  })
  return openApiDocument(createApp(services), origin)
}

// Before the files of a worker, which share their modules: a schema can be described in the OpenAPI document only if it was made after
// this, as where the app is started.

import '@hono/zod-openapi'

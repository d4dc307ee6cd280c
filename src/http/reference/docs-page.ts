// The reference for people: Scalar, over our OpenAPI document. Its script is a file of ours in `public`; the page loads
// nothing else, and runs nothing that stands in the page itself.

import { HTML_HEADERS, html } from '../html.ts'

export const SCALAR_PATH = '/docs/scalar-1.76.0.js'
/** Of that file: another one is not run. */
const SCALAR_SHA384 = 'sha384-oH1C0RwqcwbVXkC+r8A+4qRoyEUQdtxAzOwumkxZtQBBcsy61FOoPt7B50OVJYYQ'

export const DOCS_HEADERS = {
  ...HTML_HEADERS,
  'content-security-policy':
    "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'unsafe-inline'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
}

const COLOURS = `
.light-mode{--scalar-color-accent:oklch(46% .095 165);--scalar-background-1:oklch(100% 0 0);--scalar-background-2:oklch(98% .003 160);--scalar-background-3:oklch(94% .005 160);--scalar-border-color:oklch(91.5% .005 160);--scalar-color-1:oklch(22% .012 170);--scalar-color-2:oklch(42% .012 170);--scalar-color-3:oklch(50% .012 170)}
.dark-mode{--scalar-color-accent:oklch(76% .11 165);--scalar-background-1:oklch(17.5% .008 170);--scalar-background-2:oklch(20.5% .009 170);--scalar-background-3:oklch(28.5% .011 170);--scalar-border-color:oklch(28.5% .011 170);--scalar-color-1:oklch(94% .005 170);--scalar-color-2:oklch(76% .01 170);--scalar-color-3:oklch(68% .011 170)}`

/** Without what would call its makers' servers: fonts, a proxy, telemetry, assistants, and their own client. */
const CONFIGURATION = {
  url: '/openapi.json',
  theme: 'none',
  customCss: COLOURS,
  withDefaultFonts: false,
  telemetry: false,
  agent: { disabled: true, hideAddApi: true },
  mcp: { disabled: true },
  showDeveloperTools: 'never',
  hideClientButton: true,
  documentDownloadType: 'direct',
  persistAuth: false,
  authentication: { preferredSecurityScheme: 'apiKey' },
  defaultHttpClient: { targetKey: 'shell', clientKey: 'curl' },
  metaData: { title: 'Tollgate API' },
}

export const docsPage = (): string =>
  html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Tollgate API</title></head><body>
<noscript>This page needs its script. The same as JSON is at <a href="/openapi.json">/openapi.json</a>; the error codes are at <a href="/errors">/errors</a>.</noscript>
<script id="api-reference" type="application/json" data-url="/openapi.json" data-configuration="${JSON.stringify(CONFIGURATION)}"></script>
<script src="${SCALAR_PATH}" integrity="${SCALAR_SHA384}"></script>
</body></html>
`.text

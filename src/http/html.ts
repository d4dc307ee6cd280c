// HTML as text. What `html` makes is escaped already; whatever else is put into it is escaped there, so that no text gets
// into a page as markup by being forgotten.

/** Text as HTML. */
export const escapeHtml = (text = ''): string =>
  text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`)

/** Text in which `code` is marked with backticks. */
export const inline = (text = ''): string => escapeHtml(text).replace(/`([^`]+)`/g, '<code>$1</code>')

/** Markup. */
export class Html {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}

type Part = string | number | Html | readonly Html[]

/** Markup around parts: html`<p>${name}</p>`. Text in it is escaped, markup stays. */
export const html = (markup: TemplateStringsArray, ...parts: Part[]): Html =>
  new Html(String.raw({ raw: markup }, ...parts.map(textOf)))

const textOf = (part: Part): string => {
  if (part instanceof Html) return part.text
  return typeof part === 'object' ? part.map(({ text }) => text).join('') : escapeHtml(String(part))
}

export const nothing = new Html('')

/** A name that somebody chose: whichever way its script runs, what stands around it stays in place. */
export const named = (name: string): Html => html`<bdi>${name}</bdi>`

/** Of a page that loads nothing, runs nothing and sends nothing. */
export const HTML_HEADERS = {
  'content-security-policy':
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'referrer-policy': 'no-referrer',
}

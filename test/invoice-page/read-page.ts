// What a browser would show of a page, told without one.

export const withoutStyle = (page: string): string => page.replace(/<style>.*?<\/style>/s, '')

/** Markup without its text. */
export const tagsOf = (page: string): string[] => withoutStyle(page).match(/<[^>]*>/g) ?? []

/** Text without its markup; a line for each cell and each item of a list. */
export const textOf = (markup: string): string =>
  decoded(
    withoutStyle(markup)
      .replace(/<(\/?(li|p|dd|dt|h1|h2|div|ul|title))\b[^>]*>/g, '\n')
      .replace(/<[^>]*>/g, ''),
  )
    .replaceAll('\u00a0', ' ')
    .replace(/\n+/g, '\n')
    .trim()

/** The rows of the table, as their cells. */
export const rowsOf = (page: string): string[][] =>
  [...page.matchAll(/<tr.*?<\/tr>/gs)].map(([row]) =>
    [...row.matchAll(/<(t[hd])\b[^>]*>(.*?)<\/\1>/gs)].map(([, , cell]) => textOf(cell!)),
  )

export const decoded = (text: string): string =>
  text.replace(/&#(\d+);/g, (_, code) => String.fromCharCode(Number(code)))

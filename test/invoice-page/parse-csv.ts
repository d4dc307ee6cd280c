// RFC 4180 read character by character, by nothing of what writes it. Throws on what the RFC doesn't allow.

export function parseCsv(text: string): string[][] {
  const rows: string[][] = []
  let row: string[] = []
  let at = 0
  while (at < text.length) {
    let cell = ''
    if (text[at] === '"') {
      for (at++; ; at++) {
        if (at >= text.length) throw new Error('A quote is not closed')
        if (text[at] !== '"') cell += text[at]
        else if (text[at + 1] === '"') {
          cell += '"'
          at++
        } else break
      }
      at++
    } else {
      while (at < text.length && text[at] !== ',' && text[at] !== '\r') {
        if (text[at] === '"' || text[at] === '\n') throw new Error(`A bare ${JSON.stringify(text[at])}`)
        cell += text[at++]
      }
    }
    row.push(cell)
    if (text[at] === ',') {
      at++
      if (at === text.length) throw new Error('The last line has no end')
    } else if (text.startsWith('\r\n', at)) {
      at += 2
      rows.push(row)
      row = []
    } else throw new Error(`Neither a comma nor an end of line at ${at}`)
  }
  return rows
}

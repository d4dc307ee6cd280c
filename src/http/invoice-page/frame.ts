// What the pages of invoices and credit notes have in common: whose page it is, what it is, and whom it is for.

import type { Invoice } from '../../billing/invoices/invoice.ts'
import { type Html, html, named, nothing } from '../html.ts'
import { pageStyle } from './style.ts'

/** Whose invoice it is, and by whose days. */
export type Issuer = { name: string; timezone: string }

export type Fact = [term: string, fact: Html]

type Parts = {
  /** a number, never a name */
  title: string
  heading: Html
  /** behind the text */
  behind: Html
  main: Html
}

export const frame = (issuer: Issuer, { title, heading, behind, main }: Parts): string =>
  html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${title} · ${issuer.name}</title>${pageStyle(title)}</head><body>
${behind}<header><p>${named(issuer.name)}</p><h1>${heading}</h1></header>
<main>${main}</main>
</body></html>
`.text

export function billTo({ recipient, customerId }: Invoice): Html {
  const { name = null, email = null } = recipient ?? {}
  return html`<section><h2>Bill to</h2><p>${named(name ?? customerId)}</p>${email === null ? nothing : html`<p>${named(email)}</p>`}</section>`
}

export const factList = (facts: Fact[]): Html =>
  html`<dl>${facts.map(([term, fact]) => html`<dt>${term}</dt><dd>${fact}</dd>`)}</dl>`

// How the page looks, on paper first: no size of paper is named, so that it fits A4 and Letter alike. Heads of tables come
// again on every page; a line isn't cut, a section's title stays with its first line, and the totals stay together.

import { Html } from '../html.ts'

const RULES = `
:root{color-scheme:light;--ink:#1a1d21;--soft:#5c6570;--line:#d9dee3;--alarm:#a4262c}
*{box-sizing:border-box}
body{margin:0 auto;max-width:50rem;padding:3rem 2rem;background:#fff;color:var(--ink);font:14px/1.45 "Helvetica Neue",Helvetica,Arial,"Noto Sans",sans-serif;font-variant-numeric:tabular-nums lining-nums;overflow-wrap:anywhere}
header{display:flex;flex-wrap:wrap;justify-content:space-between;gap:.5rem 2rem;align-items:baseline;border-bottom:2px solid var(--ink);padding-bottom:1rem}
header p{margin:0;font-size:1.6em;font-weight:700;flex:1 1 16rem}
h1{margin:0;font-size:1.6em;font-weight:400;text-align:right}
h2,.lines thead th,dt{font-size:.78em;font-weight:600;letter-spacing:.04em;text-transform:uppercase;color:var(--soft)}
h2{margin:0 0 .25rem}
.notice{margin:1rem 0 0;padding:.6rem .9rem;border:1px solid var(--alarm);border-left-width:5px;color:var(--alarm)}
.facts{display:flex;flex-wrap:wrap;gap:1.5em 3em;margin:1.75em 0 1.5em;break-inside:avoid}
.facts>section{flex:1 1 14rem}.facts p{margin:0}.facts section p:first-of-type{font-weight:600}
dl{display:grid;grid-template-columns:auto 1fr;gap:.2rem 1.25rem;margin:0;flex:1 1 18rem;align-items:baseline}
dd{margin:0}small{color:var(--soft)}
table{border-collapse:collapse;width:100%}
th,td{padding:.4em 0 .4em 1.1em;text-align:left;vertical-align:top;font-weight:400}
th:first-child,td:first-child{padding-left:0}
.n{text-align:right;white-space:nowrap}
.lines tr{border-bottom:1px solid var(--line);break-inside:avoid}
.lines thead th{vertical-align:bottom;border-bottom:1px solid var(--ink)}
.lines .no{width:1%;white-space:nowrap;color:var(--soft)}
.lines .section{break-after:avoid}
.lines .section th{padding-top:1em;font-weight:700}
.lines ul{list-style:none;margin:.1rem 0 0;padding:0;font-size:.86em;line-height:1.35;color:var(--soft)}
.match{color:var(--soft)}.match::before{content:"· "}
.mark{color:var(--alarm)}
.lines .totals tr{border:0;break-before:avoid}
.totals th{text-align:right}
.totals th,.totals td{padding-block:.2em}
.totals .first th,.totals .first td{padding-top:1em}
.totals .sum th,.totals .sum td{font-weight:700}
.totals .due th,.totals .due td{font-size:1.15em;padding-block:.5em}
.totals .due td{border-top:2px solid var(--ink)}
.stamp{position:fixed;inset:0;z-index:-1;display:grid;place-items:center;font-size:min(24vw,11rem);font-weight:700;text-transform:uppercase;color:#f4e6e6;transform:rotate(-30deg);pointer-events:none}
@media (max-width:36rem){body{padding:1.25rem .9rem;font-size:13px}h1{text-align:left}.lines .no{padding:0;font-size:0}th,td{padding-left:.6rem}.lines .no+th{padding-left:0}.lines td:nth-child(3){white-space:normal}}
@media print{body{max-width:none;padding:0;font-size:9.25pt;line-height:1.4;print-color-adjust:exact;-webkit-print-color-adjust:exact}}
`

/** `label` is ours: a number, never a name. */
export const pageStyle = (label: string): Html =>
  new Html(
    `<style>${RULES}@page{margin:16mm 16mm 18mm;@bottom-left{content:"${label}";font:8pt Helvetica,Arial,sans-serif;color:#5c6570}@bottom-right{content:counter(page) " / " counter(pages);font:8pt Helvetica,Arial,sans-serif;color:#5c6570}}</style>`,
  )

// How our own pages beside the API look: calm, in the reader's colour scheme, and as wide as text is read.

import { Html } from '../html.ts'

const RULES = `
:root{color-scheme:light dark;--bg:oklch(98.6% .003 160);--surface:oklch(100% 0 0);--line:oklch(91.5% .005 160);--ink:oklch(22% .012 170);--ink-2:oklch(45% .012 170);--accent:oklch(46% .095 165);--accent-soft:oklch(95% .03 165)}
@media (prefers-color-scheme:dark){:root{--bg:oklch(17.5% .008 170);--surface:oklch(20.5% .009 170);--line:oklch(28.5% .011 170);--ink:oklch(94% .005 170);--ink-2:oklch(74% .01 170);--accent:oklch(76% .11 165);--accent-soft:oklch(28% .045 165)}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:720px;padding:48px 16px;background:var(--bg);color:var(--ink);font:400 14px/20px Inter,ui-sans-serif,system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif;overflow-wrap:anywhere}
h1{font-size:20px;font-weight:600;line-height:28px;letter-spacing:-.012em;margin:0 0 4px}
h2{font-size:16px;font-weight:600;line-height:24px;margin:32px 0 8px}
p{margin:0 0 12px;max-width:72ch}.soft{color:var(--ink-2)}
a{color:var(--accent);text-underline-offset:2px}:focus-visible{outline:2px solid var(--accent);outline-offset:2px;border-radius:4px}
code,pre{font:12px/18px ui-monospace,"SF Mono","Cascadia Mono",Menlo,Consolas,"DejaVu Sans Mono",monospace}
pre{margin:0 0 12px;padding:12px 16px;border:1px solid var(--line);border-radius:8px;background:var(--surface);overflow-x:auto;overflow-wrap:normal}
dl{margin:0;border:1px solid var(--line);border-radius:8px;background:var(--surface)}
dl>div{display:grid;grid-template-columns:minmax(0,15rem) minmax(0,1fr);gap:4px 16px;padding:10px 16px;border-top:1px solid var(--line);scroll-margin-top:16px}
dl>div:first-child{border-top:0}dl>div:target{background:var(--accent-soft)}
dt{font-weight:500}dd{margin:0;color:var(--ink-2)}dt .soft{font-weight:400}
@media (max-width:560px){body{padding:24px 16px}dl>div{grid-template-columns:minmax(0,1fr)}}`

export const pageStyle = new Html(`<style>${RULES}</style>`)

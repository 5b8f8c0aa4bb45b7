/**
 * @file The page around a report: one file, its own style, no script, nothing from the network (its policy makes the browser refuse both).
 */
import { html, type Markup, trusted } from './html.ts';

const STYLE = `
:root{color-scheme:light dark;--page:#f6f8fa;--card:#fff;--text:#1f2328;--quiet:#59636e;--line:#d1d9e0;--accent:#0969da;
--good:#1a7f37;--bad:#cf222e;--wait:#9a6700;--series-0:#2563eb;--series-1:#c2410c;--series-2:#15803d;--series-3:#7c3aed}
@media (prefers-color-scheme:dark){:root{--page:#0d1117;--card:#161b22;--text:#e6edf3;--quiet:#9198a1;--line:#3d444d;--accent:#4493f8;
--good:#3fb950;--bad:#f85149;--wait:#d29922;--series-0:#6ea8fe;--series-1:#fb923c;--series-2:#4ade80;--series-3:#c4a5fd}}
*{box-sizing:border-box}
body{margin:0;padding:20px;background:var(--page);color:var(--text);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}
main{max-width:1080px;margin:0 auto}
h1{font-size:24px;line-height:1.25;margin:0 0 4px;overflow-wrap:anywhere}
h2{font-size:18px;margin:0 0 10px}
h3{font-size:15px;margin:18px 0 6px}
a{color:var(--accent)}
section,header{background:var(--card);border:1px solid var(--line);border-radius:8px;padding:16px 18px;margin:0 0 14px}
p{margin:6px 0;overflow-wrap:anywhere}
.quiet,figcaption{color:var(--quiet);font-size:13px}
figcaption b{color:var(--text);margin-right:8px}
.status{display:inline-block;padding:1px 10px;border-radius:99px;border:1px solid currentColor;font-weight:600;font-size:13px}
.done{color:var(--good)}.diverged,.failed{color:var(--bad)}.unfinished,.stopped{color:var(--wait)}
pre{margin:8px 0 0;padding:10px 12px;border-radius:6px;background:var(--page);border:1px solid var(--line);overflow:auto;font:13px/1.45 ui-monospace,Menlo,Consolas,"DejaVu Sans Mono",monospace}
pre.wrap{white-space:pre-wrap;overflow-wrap:anywhere}
dl.tiles{display:grid;grid-template-columns:repeat(auto-fill,minmax(150px,1fr));gap:10px;margin:0}
dl.tiles div{border:1px solid var(--line);border-radius:6px;padding:8px 10px;min-width:0}
dl.tiles dt{color:var(--quiet);font-size:12px}
dl.tiles dd{margin:0;font-size:18px;font-weight:600;font-variant-numeric:tabular-nums;overflow-wrap:anywhere}
dl.tiles small{display:block;font-size:12px;font-weight:400;color:var(--quiet)}
.grid-of-charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,400px),1fr));gap:14px}
figure{margin:0;min-width:0}
.chart{display:block;width:100%;height:auto;color:var(--text)}
.chart text{fill:var(--quiet);font-size:12px}
.chart .grid{stroke:var(--line);fill:none;opacity:.7}.chart .axis{stroke:var(--quiet);fill:none}
.chart polyline{fill:none;stroke-linejoin:round}.chart .line{stroke-width:2.2}.chart .faint{stroke-width:1;opacity:.45}
.key{white-space:nowrap;margin-right:10px}.key i{display:inline-block;width:14px;height:4px;border-radius:2px;margin-right:5px;vertical-align:middle}
.scroll{overflow-x:auto}
.scroll img{max-width:none;height:auto;display:block}
.drawing img{width:100%;min-width:680px;max-width:1100px}
.samples img{width:100%;min-width:600px;border-radius:4px;image-rendering:auto}
.samples figure{margin-top:12px}
table{border-collapse:collapse;font-size:14px}
.numbers th,.numbers td{padding:4px 10px;border-bottom:1px solid var(--line);text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
.numbers th{text-align:left;font-weight:400}.numbers thead th{color:var(--quiet);font-size:12px;text-align:right}.numbers thead th:first-child{text-align:left}
.numbers tfoot th,.numbers tfoot td{font-weight:600;border-bottom:0}
.numbers tr.own th,.numbers tr.own td{font-weight:600}
.numbers th[scope=row]{max-width:220px;overflow:hidden;text-overflow:ellipsis}
.bar{width:130px;min-width:60px}.bar i{display:block;height:9px;border-radius:2px;background:var(--series-0)}
.heat{border-spacing:0;font-size:12px}
.heat td{min-width:30px;height:28px;padding:0;text-align:center;border:1px solid var(--line);font-variant-numeric:tabular-nums}
.heat thead td{border:0}
.heat th{font-weight:400;padding:2px 8px;text-align:right;white-space:nowrap;max-width:170px;overflow:hidden;text-overflow:ellipsis}
.heat thead th{padding:6px 2px;vertical-align:bottom}.heat thead span{writing-mode:vertical-rl;transform:rotate(180deg);max-height:150px;overflow:hidden;text-overflow:ellipsis}
.hit{background:rgb(24 92 186/var(--strength))}.miss{background:rgb(214 84 14/var(--strength))}.strong{color:#fff}
ul.messages{margin:0;padding-left:20px}ul.messages li{overflow-wrap:anywhere}
ul.messages .warning{color:var(--wait)}
ol{margin:0;padding-left:22px}
@media (max-width:560px){body{padding:8px}section,header{padding:12px}h1{font-size:20px}.bar{width:60px;min-width:40px}.numbers th,.numbers td{padding:4px 6px}.numbers th[scope=row]{max-width:120px}}
@media print{body{background:#fff;padding:0}section,header{break-inside:avoid}}
`;

/** The whole file. */
export const page = (title: string, sections: readonly (Markup | undefined)[]): string =>
  html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>${title}</title>
<style>${trusted(STYLE)}</style>
</head>
<body><main>
${sections.map((section) => section && html`${section}\n`)}</main></body>
</html>
`.markup;

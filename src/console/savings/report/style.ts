/** A4, black on white, readable without colour. */
export const REPORT_STYLE = `
@page { size: A4; margin: 15mm 14mm 16mm; }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 182mm; color: #111; background: #fff; font: 10.5px/1.45 'Inter', 'Noto Sans CJK SC', 'Noto Sans SC', 'PingFang SC', 'Microsoft YaHei', system-ui, sans-serif; }
@media screen { body { padding: 24px; font-size: 13px; } }
h1 { margin: 0; font-size: 22px; line-height: 1.2; }
h2 { margin: 16px 0 4px; font-size: 13px; break-after: avoid; }
p { margin: 2px 0; }
.brand { color: #444; font-weight: 600; }
.quiet { color: #444; }
.warning { margin: 8px 0; padding: 6px 10px; border: 1.5px dashed #111; font-weight: 600; }
.headline { margin: 10px 0 6px; padding: 8px 0; border-top: 1.5px solid #111; border-bottom: 1px solid #999; }
.big { font-size: 14px; }
.big strong { font-size: 26px; letter-spacing: -0.02em; }
.modelled strong, span.modelled { text-decoration: underline dotted #444; text-underline-offset: 3px; }
.tier { margin-top: 4px; font-style: italic; }
table { width: 100%; border-collapse: collapse; }
th, td { padding: 2.5px 6px 2.5px 0; border-bottom: 0.5px solid #ccc; text-align: left; vertical-align: top; font-weight: 400; }
thead { display: table-header-group; }
thead th { border-bottom: 1px solid #111; font-weight: 600; }
tr { break-inside: avoid; }
.right { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.parts th { width: 34%; }
.parts td.right { width: 20%; font-weight: 600; }
.parts td.quiet { padding-left: 12px; overflow-wrap: anywhere; }
figure { margin: 12px 0 0; break-inside: avoid; }
figcaption { font-weight: 600; }
figure svg { display: block; width: 100%; height: auto; }
.together { break-inside: avoid; }
`;

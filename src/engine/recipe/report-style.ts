/** The look of the report page: the console's calm, in light and dark, and on paper. */
export const reportStyle = `
:root { color-scheme: light dark; --surface: #fbfcfd; --raised: #ffffff; --line: #dfe3e8; --text: #1a2128; --quiet: #5b6670; --accent: #0b7285; --before: #a9b4bf; --good: #1e7f4f; --warn: #935f00; --bad: #b3261e; }
@media (prefers-color-scheme: dark) {
  :root { --surface: #12161a; --raised: #191f24; --line: #303941; --text: #e6eaee; --quiet: #9aa6b1; --accent: #3db7cc; --before: #5f6b76; --good: #5cc391; --warn: #e0ab47; --bad: #ff8a80; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--surface); color: var(--text); font: 14px/1.45 "Inter Variable", Inter, system-ui, "Noto Sans CJK SC", sans-serif; }
main { max-width: 960px; margin: 0 auto; padding: 32px 24px 48px; }
h1 { font-size: 20px; margin: 0; overflow-wrap: anywhere; }
h2 { font-size: 16px; margin: 32px 0 8px; }
p { margin: 4px 0; }
.quiet { color: var(--quiet); }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 380px), 1fr)); gap: 12px; margin-top: 16px; }
.card { background: var(--raised); border: 1px solid var(--line); border-radius: 6px; padding: 12px 16px; }
.card h3 { font-size: 13px; font-weight: 500; color: var(--quiet); margin: 0; }
.card .figure { font-size: 20px; font-weight: 600; font-variant-numeric: tabular-nums; margin: 2px 0 8px; }
.card svg { display: block; width: 100%; height: auto; }
svg text { fill: var(--text); font-size: 12px; font-family: inherit; font-variant-numeric: tabular-nums; }
svg .label { fill: var(--quiet); }
.before { fill: var(--before); }
.after { fill: var(--accent); }
.interval { stroke: var(--text); stroke-width: 1.5; fill: none; }
.axis { stroke: var(--line); }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: 13px; }
th, td { text-align: left; vertical-align: top; padding: 6px 12px 6px 0; border-bottom: 1px solid var(--line); overflow-wrap: anywhere; }
th { color: var(--quiet); font-weight: 500; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; overflow-wrap: normal; }
.notes { color: var(--quiet); }
.warnings { border: 1px solid var(--line); border-left: 3px solid var(--warn); border-radius: 6px; padding: 8px 16px; margin-top: 16px; }
.warnings ul { margin: 4px 0; padding-left: 20px; }
.met { color: var(--good); }
.unmet { color: var(--bad); }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 4px 24px; margin: 0; }
dt { color: var(--quiet); }
dd { margin: 0; overflow-wrap: anywhere; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; font-size: 12px; background: var(--raised); border: 1px solid var(--line); border-radius: 6px; padding: 12px; }
@page { size: A4; margin: 14mm; }
@media print {
  :root { color-scheme: light; --surface: #fff; --raised: #fff; --line: #ccc; --text: #000; --quiet: #444; --accent: #0b7285; --before: #b5bec7; --good: #146c40; --warn: #7a4f00; --bad: #9c1c15; }
  body { font-size: 11px; print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  main { padding: 0; max-width: none; }
  .card, tr, .warnings { break-inside: avoid; }
  h2 { break-after: avoid; }
}
`;

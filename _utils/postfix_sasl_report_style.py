"""The style sheet of the fleet report's page."""

CSS = """
:root {
  color-scheme: light dark;
  --page: #f4f5f7; --card: #ffffff; --line: #d9dde3; --text: #1c2128; --quiet: #565f6b;
  --wrong: #b42318; --wrong-soft: #fdecea; --attention: #8a5200; --attention-soft: #fff3dc;
  --fine: #1a7238; --fine-soft: #e4f5e9; --none: #565f6b; --none-soft: #eceff2;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #10141a; --card: #181e26; --line: #333c48; --text: #e6eaf0; --quiet: #a3adba;
    --wrong: #ff9a8f; --wrong-soft: #43201e; --attention: #f2bd5c; --attention-soft: #3b2d12;
    --fine: #6fd492; --fine-soft: #16331f; --none: #a3adba; --none-soft: #262e38;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; padding: 2rem 1.25rem 3rem; background: var(--page); color: var(--text);
  font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif;
}
main, header, footer { max-width: 84rem; margin: 0 auto; }
h1 { margin: 0; font-size: 1.75rem; line-height: 1.2; }
h2 { margin: 2.25rem 0 .75rem; font-size: 1.2rem; }
.headline { margin: .35rem 0 0; font-size: 1.1rem; }
.quiet { color: var(--quiet); }
.quiet, footer { font-size: .9rem; }
a { color: inherit; }
.tiles { display: grid; grid-template-columns: repeat(4, 1fr); gap: .75rem; margin: 1.5rem 0 0; }
.tile {
  display: flex; flex-direction: column-reverse; padding: .8rem 1rem; border-radius: .6rem;
  background: var(--card); border: 1px solid var(--line); border-top: .3rem solid var(--line);
}
.tile dt { color: var(--quiet); font-size: .9rem; }
.tile dd { margin: 0; font-size: 1.9rem; font-weight: 650; line-height: 1.2; }
.tile.some.wrong { border-top-color: var(--wrong); } .tile.some.wrong dd { color: var(--wrong); }
.tile.some.attention { border-top-color: var(--attention); }
.tile.some.attention dd { color: var(--attention); }
.tile.some.fine { border-top-color: var(--fine); } .tile.some.fine dd { color: var(--fine); }
.problems { margin: 0; padding: 0; list-style: none; display: grid; gap: .6rem; }
.problems > li {
  padding: .75rem 1rem; border-radius: .6rem; background: var(--card);
  border: 1px solid var(--line); border-left: .35rem solid var(--line); overflow-wrap: anywhere;
}
.problems > li.wrong { border-left-color: var(--wrong); }
.problems > li.attention { border-left-color: var(--attention); }
.problems ul { margin: .3rem 0 0; padding-left: 1.2rem; }
.problems strong { margin-right: .5rem; }
.level {
  display: inline-block; padding: .05rem .55rem; border-radius: 1rem; font-size: .82rem;
  font-weight: 600; white-space: nowrap;
}
.level.wrong { color: var(--wrong); background: var(--wrong-soft); }
.level.attention { color: var(--attention); background: var(--attention-soft); }
.level.fine { color: var(--fine); background: var(--fine-soft); }
.level.none { color: var(--none); background: var(--none-soft); }
figure, .scroll {
  margin: 0; padding: 1rem; border-radius: .6rem; background: var(--card);
  border: 1px solid var(--line);
}
figure svg { display: block; overflow: visible; }
figcaption { margin-top: .75rem; }
svg text {
  font-size: 14px; fill: var(--text); paint-order: stroke; stroke: var(--card); stroke-width: 5px;
}
svg .axis { font-size: 12px; fill: var(--quiet); }
svg .track { fill: var(--none-soft); }
svg .wrong { fill: var(--wrong); } svg .attention { fill: var(--attention); }
svg .fine { fill: var(--fine); }
svg line { stroke: var(--line); }
.scroll { padding: 0; overflow-x: auto; }
table { width: 100%; border-collapse: collapse; font-size: .92rem; }
caption { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
th, td { padding: .5rem .7rem; text-align: left; vertical-align: top; }
thead th { color: var(--quiet); font-weight: 600; white-space: nowrap; }
tbody tr { border-top: 1px solid var(--line); }
tbody tr:target { background: var(--attention-soft); }
tbody th { font-weight: 600; }
tbody th, td.name { overflow-wrap: anywhere; min-width: 12rem; }
td { overflow-wrap: break-word; }
td.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
th.number { text-align: right; }
td.ports { min-width: 7.5rem; }
.port { white-space: nowrap; }
.closed { color: var(--wrong); font-weight: 600; }
footer { margin-top: 2rem; color: var(--quiet); }
@media (max-width: 46rem) {
  body { padding: 1.25rem .8rem 2rem; }
  .tiles { grid-template-columns: repeat(2, 1fr); }
  svg .date { display: none; }
  .scroll { background: none; border: 0; overflow: visible; }
  table, tbody, tr, th, td { display: block; }
  thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  tbody tr {
    margin-bottom: .75rem; padding: .5rem .2rem; border: 1px solid var(--line);
    border-radius: .6rem; background: var(--card);
  }
  tbody th { font-size: 1.05rem; }
  th, td, td.number { padding: .15rem .8rem; text-align: left; }
  td.number { white-space: normal; }
  td, tbody th { overflow-wrap: anywhere; }
  td::before {
    content: attr(data-label); display: inline-block; min-width: 9.5rem; color: var(--quiet);
  }
}
@page { size: A4 landscape; margin: 12mm; }
@media print {
  :root {
    color-scheme: light;
    --page: #fff; --card: #fff; --line: #c9ced6; --text: #000; --quiet: #444b55;
    --wrong: #b42318; --wrong-soft: #fdecea; --attention: #8a5200; --attention-soft: #fff3dc;
    --fine: #1a7238; --fine-soft: #e4f5e9; --none: #565f6b; --none-soft: #eceff2;
  }
  body { padding: 0; font-size: .85rem; print-color-adjust: exact; }
  .scroll { overflow: visible; }
  thead { display: table-header-group; }
  tr, .problems > li, .tile { break-inside: avoid; }
  h2 { break-after: avoid; }
}
"""

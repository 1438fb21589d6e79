# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The look of a report: one style sheet for light and dark, for phones, screens and paper. Twin of template.py."""

from __future__ import annotations

#: What each theme calls its colours; a text has a contrast of at least 4.5 on each ground that it may be on.
LIGHT = {
    "ground": "#f4f6fa",
    "card": "#ffffff",
    "sunken": "#eef1f6",
    "text": "#171d29",
    "muted": "#556075",
    "line": "#dde3ec",
    "accent": "#2f5bd3",
    "accent-soft": "#dbe5fb",
    "good": "#0b6b43",
    "good-soft": "#ddf3e7",
    "warn": "#855000",
    "warn-soft": "#fdeecb",
    "bad": "#b3211b",
    "bad-soft": "#fde4e2",
}
DARK = {
    "ground": "#0e131b",
    "card": "#171e29",
    "sunken": "#111721",
    "text": "#e8edf6",
    "muted": "#9daac0",
    "line": "#2a3444",
    "accent": "#8ab0ff",
    "accent-soft": "#22345c",
    "good": "#62d69d",
    "good-soft": "#12372a",
    "warn": "#f2c261",
    "warn-soft": "#3b2d0e",
    "bad": "#ff9d96",
    "bad-soft": "#461d1c",
}

_RULES = """
*{box-sizing:border-box}
html{color-scheme:light dark;-webkit-text-size-adjust:100%}
body{margin:0;background:var(--ground);color:var(--text);
font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;
font-variant-numeric:tabular-nums}
main,header,footer{max-width:1240px;margin:0 auto;padding:0 24px}
h1,h2,h3,p,dl,dd,figure,ul{margin:0}
h1{font-size:1.1rem;font-weight:600}
h2{font-size:1.15rem;font-weight:650;margin:40px 0 12px}
h3{font-size:1rem;font-weight:600;margin:0}
h4{font-size:.9rem;font-weight:600;margin:24px 0 8px}
a{color:var(--accent);text-underline-offset:2px}
small,.muted{color:var(--muted);font-size:.84rem}
bdi,.text{overflow-wrap:anywhere}
code{font:.84rem/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,"Liberation Mono",monospace;overflow-wrap:anywhere}
:focus-visible{outline:3px solid var(--accent);outline-offset:2px;border-radius:6px}
.skip{position:absolute;left:-999px}.skip:focus{left:12px;top:12px;background:var(--card);padding:8px 12px;z-index:1}
.card{background:var(--card);border:1px solid var(--line);border-radius:14px}
.good{color:var(--good)}.warn{color:var(--warn)}.bad{color:var(--bad)}

header{padding-top:28px}
.top{display:flex;flex-wrap:wrap;gap:4px 24px;justify-content:space-between;align-items:baseline}
.verdict{display:flex;gap:18px;align-items:center;margin:18px 0;padding:22px 24px}
.verdict .sign{flex:none;width:48px;height:48px;border-radius:50%;display:grid;place-items:center;font-size:1.5rem;
font-weight:700}
.verdict p:first-child{font-size:1.5rem;font-weight:650;line-height:1.25;letter-spacing:-.01em}
.sign.good,.pill.good{background:var(--good-soft)}
.sign.warn,.pill.warn{background:var(--warn-soft)}
.sign.bad,.pill.bad{background:var(--bad-soft)}
.tiles{display:grid;grid-template-columns:repeat(6,1fr);gap:12px}
.tiles div{padding:14px 16px;display:flex;flex-direction:column}
.tiles dt{order:2;color:var(--muted);font-size:.84rem;line-height:1.3}
.tiles dd{font-size:1.7rem;font-weight:650;line-height:1.2;letter-spacing:-.02em}

.panel{margin-top:12px;padding:18px 20px}
.days{display:block;width:100%;height:72px}
.days .good{fill:var(--good)}.days .failed{fill:var(--bad)}.days .none{fill:var(--line)}
.axis{display:flex;justify-content:space-between;color:var(--muted);font-size:.78rem;margin-top:4px}
.legend{display:flex;flex-wrap:wrap;gap:4px 18px;margin-bottom:10px;align-items:baseline}
.legend i{display:inline-block;width:.7em;height:.7em;border-radius:3px;margin-right:.4em;background:currentColor}

.wrap{overflow:hidden}
table{border-collapse:collapse;width:100%;text-align:left;font-size:.93rem}
th,td{padding:11px 12px;vertical-align:top}
thead th{color:var(--muted);font-size:.78rem;font-weight:600;background:var(--sunken);white-space:nowrap}
tbody tr{border-top:1px solid var(--line)}
tbody th{font-weight:600}
.all th:first-child{padding-left:20px;width:20%;min-width:170px}
.all td:last-child,.all thead th:last-child{padding-right:20px}
td small,th small,dd small{display:block;line-height:1.4;font-weight:400}
.pill{display:inline-block;border-radius:99px;padding:1px 10px;font-size:.82rem;font-weight:600;white-space:nowrap}
td .pill{margin:0 2px 3px 0}
.num,.plan td:nth-child(-n+3){white-space:nowrap}
.spark{display:block;width:120px;height:30px;margin-top:3px}
.l{fill:var(--accent-soft);stroke:var(--accent);stroke-width:2;stroke-linejoin:round;stroke-linecap:round;
vector-effect:non-scaling-stroke}
.p{stroke:var(--accent);stroke-width:6;stroke-linecap:round;vector-effect:non-scaling-stroke}

details{margin-top:10px}
summary{cursor:pointer;padding:14px 20px;display:flex;flex-wrap:wrap;gap:4px 12px;align-items:center;list-style:none;
border-radius:14px}
summary::-webkit-details-marker{display:none}
summary::before{content:"";flex:none;width:8px;height:8px;border:solid var(--muted);border-width:0 2px 2px 0;
transform:rotate(-45deg);margin-right:2px}
[open]>summary::before{transform:rotate(45deg)}
summary small{flex:1 1 12ch}
.inner{padding:2px 20px 22px}
.facts{display:grid;grid-template-columns:repeat(auto-fit,minmax(220px,1fr));gap:14px 24px}
.facts dt{color:var(--muted);font-size:.84rem}
.charts{display:grid;grid-template-columns:1fr 1fr;gap:24px;margin-top:24px}
.plot{display:grid;grid-template-columns:minmax(0,1fr) auto;gap:0 10px}
.plot svg{width:100%;height:110px;display:block;border-bottom:1px solid var(--line)}
.plot .scale{display:flex;flex-direction:column;justify-content:space-between;color:var(--muted);font-size:.78rem;
line-height:1}
.file{margin-top:14px}
figcaption{font-size:.9rem;font-weight:600;margin-bottom:8px}
figcaption small{font-weight:400}
.inner table,.within table{font-size:.88rem}
.inner th,.inner td,.within th,.within td{padding:6px 14px 6px 0}
.inner thead th,.within thead th{background:none}
td b{font-weight:400;white-space:nowrap}
.inner td:last-child,.within td:last-child{width:45%;overflow-wrap:anywhere}
.list{padding:16px 20px 16px 36px}
.list li+li{margin-top:6px}
footer{padding-top:32px;padding-bottom:40px;color:var(--muted);font-size:.84rem}

@media (max-width:1000px){.tiles{grid-template-columns:repeat(3,1fr)}}
@media (max-width:820px){
main,header,footer{padding-left:16px;padding-right:16px}
.verdict{padding:18px 16px;gap:14px}.verdict p:first-child{font-size:1.2rem}
.tiles{grid-template-columns:repeat(2,1fr)}
.charts{grid-template-columns:1fr}
.all thead{position:absolute;clip-path:inset(50%);width:1px;height:1px;overflow:hidden}
.all,.all tbody,.all tr,.all th,.all td{display:block;width:auto;min-width:0}
.all tbody tr{padding:14px 16px}
.all tbody tr:first-child{border-top:0}
.all tbody th:first-child{padding:0 0 6px;font-size:1.02rem;width:auto;min-width:0}
.all td,.all td:last-child{padding:3px 0;display:grid;grid-template-columns:8.5em minmax(0,1fr);gap:0 8px}
.all td::before{content:attr(data-label);color:var(--muted);font-size:.84rem}
.spark{width:100%;max-width:220px}
summary{padding:14px 16px}summary small{order:1;flex:1 1 100%}.inner{padding:2px 16px 18px}
.inner .num,.within .num,.plan td:nth-child(1){white-space:normal}
.inner :is(td,th),.within :is(td,th){padding-right:8px}
}
@media print{
@page{margin:14mm}
body{background:#fff;font-size:11pt}main,header,footer{max-width:none;padding-left:0;padding-right:0}
.card{break-inside:avoid;border-radius:6px}.wrap{break-inside:auto}tr,figure{break-inside:avoid}thead{display:table-header-group}
.skip{display:none}a{color:inherit;text-decoration:none}
details.card{break-inside:auto}
details::details-content{content-visibility:visible;display:block;block-size:auto}
*{print-color-adjust:exact;-webkit-print-color-adjust:exact}
}
"""


def _variables(colours: dict[str, str]) -> str:
    return "".join(f"--{name}:{colour};" for name, colour in colours.items())


SHEET = (
    f":root{{{_variables(LIGHT)}}}"
    f"@media screen and (prefers-color-scheme:dark){{:root{{{_variables(DARK)}}}}}"
    f"@media print{{html{{color-scheme:light}}}}{_RULES}"
)

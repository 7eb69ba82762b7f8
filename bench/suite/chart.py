"""A bar chart as SVG: how many times the raw folder's time, shorter is better."""

import math
from html import escape

from suite.report import ratio
from suite.systems import BY_NAME
from suite.workloads import FIGURES

WIDTH, LEFT, RIGHT, TOP = 860, 250, 60, 56
BAR, GAP = 9, 10
MOST = 32  # the axis ends here; longer bars are cut and say so
COLOURS = {"ccfs": "#2f81f7", "hp-uring": "#8b949e", "hp": "#b6a06b", "bindfs": "#c4786a"}
STYLE = """<style>
text { font: 12px system-ui, sans-serif; fill: #57606a; }
.grid { stroke: #8b949e; stroke-opacity: .35; }
.one { stroke: #57606a; }
@media (prefers-color-scheme: dark) { text { fill: #b1bac4; } .one { stroke: #b1bac4; } }
</style>"""


def across(value):
    """Logarithmic, from 0.5."""
    share = math.log2(min(max(value, 0.5), MOST) / 0.5) / math.log2(MOST / 0.5)
    return LEFT + share * (WIDTH - LEFT - RIGHT)


def legend(names):
    out, x = [], LEFT
    for name in names:
        out.append(f'<rect x="{x}" y="12" width="12" height="12" rx="2" fill="{COLOURS[name]}"/>')
        out.append(f'<text x="{x + 18}" y="22">{escape(BY_NAME[name].label)}</text>')
        x += 38 + 7 * len(BY_NAME[name].label)
    return out


def grid(bottom):
    out = []
    for value in (0.5, 1, 2, 4, 8, 16, 32):
        x = across(value)
        kind = "one" if value == 1 else "grid"
        out.append(f'<line class="{kind}" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP - 6}" y2="{bottom}"/>')
        out.append(f'<text x="{x:.1f}" y="{TOP - 12}" text-anchor="middle">{value:g}×</text>')
    return out


def bars(results, names, figure, y):
    out = [f'<text x="{LEFT - 10}" y="{y + BAR * len(names) / 2 + 4:.1f}" text-anchor="end">'
           f'{escape(FIGURES[figure])}</text>']
    for name in names:
        value = ratio(results, figure, name, "raw")
        if value is not None:
            end = across(value)
            out.append(f'<rect x="{LEFT}" y="{y}" width="{max(end - LEFT, 1):.1f}" '
                       f'height="{BAR - 1}" fill="{COLOURS[name]}"/>')
            out.append(f'<text x="{end + 4:.1f}" y="{y + BAR - 1}" style="font-size:9px">'
                       f'{value:.2f}</text>')
        y += BAR
    return out


def draw(results, names, figures):
    figures = [f for f in figures if f in results]
    row = BAR * len(names) + GAP
    bottom = TOP + row * len(figures)
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {bottom + 8}" role="img" '
           'aria-label="Times the raw folder\'s time, shorter is better">', STYLE]
    out += legend(names) + grid(bottom)
    for n, figure in enumerate(figures):
        out += bars(results, names, figure, TOP + n * row)
    return "\n".join(out + ["</svg>"]) + "\n"

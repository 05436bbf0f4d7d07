"""bench_plot: pictures of what was measured, as SVG that needs nothing else.

Works on numbers alone. A picture has its colours for light and for dark in itself, so that it looks
right in the report, in docs/BENCHMARKS.md and wherever else it is put. Axes carry their units; lines
are named at their ends, bars at their beginnings.
"""
import html
import math

WIDTH, HEIGHT = 720, 380
LEFT, RIGHT, TOP, BOTTOM = 64, 150, 16, 50
BAR, GAP, NAMES = 20, 8, 190
LABEL_PX = 14  # no two names of lines are nearer than this

STYLE = """<style>
.plot { --ink: #1c2733; --soft: #5b6875; --grid: #dde3e9; --a: #1f6fd1; --b: #c4540f; --c: #2c8a4b; --d: #8a4fbf;
  font: 13px system-ui, sans-serif; }
@media (prefers-color-scheme: dark) { .plot { --ink: #e6ebf0; --soft: #9aa7b4; --grid: #34404c; --a: #6aa9f7; --b: #f0935a;
  --c: #6cc98a; --d: #c095ea; } }
.plot text { fill: var(--soft); } .plot .name { fill: var(--ink); } .plot .grid { stroke: var(--grid); }
.plot .line { fill: none; stroke-width: 2.2; stroke-linejoin: round; }
.plot .a { stroke: var(--a); } .plot .b { stroke: var(--b); } .plot .c { stroke: var(--c); } .plot .d { stroke: var(--d); }
.plot .dot.a, .plot .bar.a { fill: var(--a); } .plot .dot.b, .plot .bar.b { fill: var(--b); }
.plot .dot.c, .plot .bar.c { fill: var(--c); } .plot .dot.d { fill: var(--d); } .plot .bar { stroke: none; }
.plot .bar.floor { fill: var(--soft); }
</style>"""


def lines(plot):
    """`plot`: title, x and y (their names with units), xs, series {name: ys}, y_from_0 for a linear y axis."""
    xs, series = plot["xs"], plot["series"]
    values = [value for ys in series.values() for value in ys if value is not None]
    across = Scale(min(xs), max(xs), LEFT, WIDTH - RIGHT, is_log=True)
    low = 0 if plot.get("y_from_0") else min(values)
    up = Scale(low, max(values), HEIGHT - BOTTOM, TOP, is_log=not plot.get("y_from_0"))
    parts = [begin(WIDTH, HEIGHT, plot["title"])]
    for value in up.ticks():
        y = up.at(value)
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{short(value)}</text>')
    for value in across.ticks():
        x = across.at(value)
        parts.append(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{HEIGHT - BOTTOM}" y2="{HEIGHT - BOTTOM + 5}"/>')
        parts.append(f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 20}" text-anchor="middle">{short(value)}</text>')
    parts.append(f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 8}" text-anchor="middle">{html.escape(plot["x"])}</text>')
    parts.append(f'<text transform="translate(14 {(HEIGHT - BOTTOM + TOP) / 2}) rotate(-90)" text-anchor="middle">'
                 f'{html.escape(plot["y"])}</text>')
    ends = []
    for kind, (name, ys) in zip("abcd", series.items()):
        points = [(across.at(x), up.at(y)) for x, y in zip(xs, ys) if y is not None]
        parts.append(f'<polyline class="line {kind}" points="' + " ".join(f"{x:.1f},{y:.1f}" for x, y in points) + '"/>')
        parts.extend(f'<circle class="dot {kind}" cx="{x:.1f}" cy="{y:.1f}" r="3"/>' for x, y in points)
        ends.append([points[-1][1], name])
    ends.sort()
    for above, below in zip(ends, ends[1:]):
        below[0] = max(below[0], above[0] + LABEL_PX)
    parts.extend(f'<text class="name" x="{WIDTH - RIGHT + 10}" y="{y + 4:.1f}">{html.escape(name)}</text>' for y, name in ends)
    return "\n".join(parts + ["</svg>"])


def bars(title, unit, groups):
    """`groups`: {name: {who: value}}; each group has a scale of its own, for what counts is the ratio in it."""
    rows = sum(len(group) for group in groups.values())
    height = rows * (BAR + GAP) + len(groups) * 26 + 10
    parts, y = [begin(WIDTH, height, title)], 4
    for name, group in groups.items():
        most = max(group.values())
        parts.append(f'<text class="name" x="4" y="{y + 16}" font-weight="600">{html.escape(name)}</text>')
        y += 24
        for who, value in group.items():
            wide = max(1.5, value / most * (WIDTH - NAMES - 110))
            kind = "floor" if who == "floor" else "b" if who.startswith("dovecot") else "a"
            parts.append(f'<text x="{NAMES - 8}" y="{y + 15}" text-anchor="end">{html.escape(who)}</text>')
            parts.append(f'<rect class="bar {kind}" x="{NAMES}" y="{y}" width="{wide:.1f}" height="{BAR}" rx="2"/>')
            parts.append(f'<text class="name" x="{NAMES + wide + 6:.1f}" y="{y + 15}">{short(value)} {html.escape(unit)}</text>')
            y += BAR + GAP
        y += 2
    return "\n".join(parts + ["</svg>"])


def begin(width, height, title):
    return (f'<svg class="plot" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" role="img" '
            f'aria-label="{html.escape(title, quote=True)}">\n{STYLE}')


class Scale:
    """From values to pixels."""

    def __init__(self, low, high, from_px, to_px, is_log):
        self.is_log = is_log
        if is_log:
            # Whole decades are too wide for a range of less than one.
            self.low, self.high = math.log10(low) - 0.02, math.log10(high) + 0.02
            if self.high - self.low < 0.5:
                middle = (self.low + self.high) / 2
                self.low, self.high = middle - 0.25, middle + 0.25
        else:
            self.low, self.high = low, high * 1.05 or 1
        self.from_px, self.to_px = from_px, to_px

    def at(self, value):
        place = math.log10(value) if self.is_log else value
        return self.from_px + (place - self.low) / (self.high - self.low) * (self.to_px - self.from_px)

    def ticks(self):
        if self.is_log:
            decades = range(math.floor(self.low), math.ceil(self.high) + 1)
            few = self.high - self.low < 2.5
            steps = (1, 2, 5) if few else (1,)
            values = [step * 10.0 ** decade for decade in decades for step in steps]
            return [value for value in values if self.low <= math.log10(value) <= self.high]
        step = 10 ** math.floor(math.log10(self.high / 2))
        step *= next(factor for factor in (1, 2, 5, 10) if self.high / (step * factor) <= 6)
        return [step * count for count in range(int(self.high / step) + 1)]


def short(value):
    """1, 20, 1.5k, 3M."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:.3g}{letter}"
    return f"{value:.3g}"

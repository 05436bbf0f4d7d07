"""bench_flame: where a server's processor time goes, as a flame graph.

perf looks at a running server several hundred times a second and writes down which functions are
being called; each becomes a bar as wide as the share of looks in which it was there, above the
one that called it. SVG that needs nothing else: a click makes a bar as wide as the picture.
"""
import html
import os
import re
import subprocess

from bench_servers import BenchError, be_nice

# No round numbers, so that nothing the server does each millisecond falls in with them.
LOOKS_A_SECOND, QUICK_LOOKS_A_SECOND = 999, 9973
STACK_BYTES = 8192  # of each thread's stack: our programs keep no frame pointers
WIDTH, ROW, HEAD = 1200, 18, 42
LETTER = 6.6  # px, the width of one
NARROWEST = 0.4  # px; what is narrower is not drawn
FRAME = re.compile(r"^\s+[0-9a-f]+ (?P<symbol>.*) \((?P<file>[^()]*(?:\([^()]*\))?)\)$")

STYLE = """<style>
.flame { --ink: #1c2733; --page: #fff; --edge: #fff; --kernel: #f0b48a; --own: #8ab8ea; --library: #a5d6b0;
  font: 11px ui-monospace, monospace; background: var(--page); }
@media (prefers-color-scheme: dark) { .flame { --ink: #e6ebf0; --page: #14181d; --edge: #14181d; --kernel: #8c5228; --own: #2c5d94;
  --library: #2f6b41; } }
.flame text { fill: var(--ink); pointer-events: none; } .flame .title { font: 14px system-ui, sans-serif; }
.flame rect { stroke: var(--edge); stroke-width: 0.6; } .flame .bar { cursor: pointer; }
.flame .kernel { fill: var(--kernel); } .flame .own { fill: var(--own); } .flame .library { fill: var(--library); }
</style>"""

# Each bar has its left end and width, in looks; the chosen one gets the whole width, its callers as well.
SCRIPT = """<script><![CDATA[
(function (svg) {
  var bars = Array.from(svg.querySelectorAll("g.bar"));
  function show(from, width) {
    bars.forEach(function (bar) {
      var at = +bar.dataset.at, wide = +bar.dataset.wide, px = +svg.dataset.width / width;
      var left = Math.max(at, from), right = Math.min(at + wide, from + width), shown = (right - left) * px;
      bar.style.display = shown > 0.4 ? "" : "none";
      if (shown <= 0.4) return;
      var rect = bar.querySelector("rect"), text = bar.querySelector("text");
      rect.setAttribute("x", (left - from) * px);
      rect.setAttribute("width", shown);
      text.setAttribute("x", (left - from) * px + 3);
      text.textContent = bar.dataset.name.slice(0, Math.max(0, Math.floor((shown - 6) / +svg.dataset.letter)));
    });
  }
  bars.forEach(function (bar) { bar.addEventListener("click", function () { show(+bar.dataset.at, +bar.dataset.wide); }); });
})(document.currentScript.closest("svg"));
]]></script>"""


class Node:
    def __init__(self, name, kind):
        self.name, self.kind, self.count, self.callees = name, kind, 0, {}

    def callee(self, name, kind):
        return self.callees.setdefault((name, kind), Node(name, kind))

    def depth(self):
        return 1 + max((callee.depth() for callee in self.callees.values()), default=0)


class Recording:
    """perf on a server, from now until `stop`. Without stacks it looks more often, and only at where it is."""

    def __init__(self, server, path, with_stacks=True):
        self.path = path
        pids = ",".join(map(str, server.meter.pids()))
        (control, self.commands), (self.answers, answer) = os.pipe(), os.pipe()
        words = ["perf", "record", "-q", "-e", "cpu-clock", "-p", pids, "-o", path, "--delay=-1", f"--control=fd:{control},{answer}",
                 *(("-F", str(LOOKS_A_SECOND), "--call-graph", f"dwarf,{STACK_BYTES}") if with_stacks else ("-F", str(QUICK_LOOKS_A_SECOND)))]
        try:
            self.perf = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, pass_fds=(control, answer),
                                         preexec_fn=be_nice)
        except FileNotFoundError:
            os.close(self.commands)
            os.close(self.answers)
            raise BenchError("perf is not there: install linux-perf") from None
        finally:
            os.close(control)
            os.close(answer)
        # It takes its time to begin; who does not wait for it may be through before.
        self.tell("enable")
        os.read(self.answers, 16)

    def stop(self):
        """What perf has seen is in the file then."""
        self.tell("stop")
        self.said = self.perf.communicate()[1].decode(errors="replace")
        # Not before: whoever goes while it answers makes it fail.
        os.close(self.commands)
        os.close(self.answers)

    def tell(self, command):
        try:
            os.write(self.commands, command.encode() + b"\n")
        except BrokenPipeError:
            pass  # it has ended, and `picture` says why

    def picture(self, title):
        """Once it has stopped; what was recorded is gone then."""
        root = tree(self.read("comm,ip,sym,dso"))
        if root.count == 0:
            raise BenchError("perf saw nothing")
        return draw(root, title)

    def own_share(self):
        """Likewise: of the time, what was spent outside the kernel."""
        places = self.read("ip").split()
        if not places:
            raise BenchError("perf saw nothing")
        return sum(not place.startswith("ffff") for place in places) / len(places)

    def read(self, fields):
        if self.perf.returncode != 0:
            raise BenchError(f"perf may not look at the server: {self.said.strip()[-300:]}")
        said = subprocess.run(["perf", "script", "-i", self.path, "--no-inline", "-F", fields], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, errors="replace", check=False)
        os.unlink(self.path)
        return said.stdout


def futex_calls(server, seconds):
    """How often a second the server's threads wait for each other, or wake each other up."""
    said = subprocess.run(["perf", "stat", "-x", ",", "-e", "syscalls:sys_enter_futex", "-p", ",".join(map(str, server.meter.pids())),
                           "sleep", str(seconds)], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False).stderr
    found = re.search(r"^(\d+),,syscalls", said, re.MULTILINE)
    if not found:
        raise BenchError(f"perf may not count: {said.strip()[-300:]}")
    return int(found.group(1)) / seconds


def tree(script):
    """What `perf script` wrote, as nodes; the outermost stands for all."""
    root = Node("all", "library")
    for block in script.split("\n\n"):
        frames = [match for match in map(FRAME.match, block.split("\n")) if match]
        node = root
        node.count += bool(frames)
        # perf begins with the innermost.
        for match in reversed(frames):
            node = node.callee(match["symbol"].split("+0x")[0], kind_of(match["file"]))
            node.count += 1
    return root


def kind_of(file):
    if file.startswith("[") and file != "[unknown]":
        return "kernel"
    return "library" if ".so" in file or file == "[unknown]" else "own"


def draw(root, title):
    height = HEAD + root.depth() * ROW + 6
    parts = [f'<svg class="flame" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
             f'data-width="{WIDTH}" data-letter="{LETTER}" role="img" aria-label="{html.escape(title, quote=True)}">',
             STYLE, f'<text class="title" x="4" y="20">{html.escape(title)}</text>']
    for x, (kind, words) in zip((4, 104, 234), (("own", "the server"), ("library", "libraries"), ("kernel", "the kernel"))):
        parts.append(f'<rect class="{kind}" x="{x}" y="27" width="10" height="10"/><text x="{x + 14}" y="36">{words}</text>')
    parts.extend(bars(root, 0, height - ROW - 4, root.count))
    return "\n".join(parts + [SCRIPT, "</svg>"])


def bars(node, at, y, total):
    """The bar of a node, and those of whom it calls above it: the widest first."""
    px = WIDTH / total
    if node.count * px < NARROWEST:
        return
    shown = html.escape(node.name[:max(0, int((node.count * px - 6) / LETTER))])
    name = html.escape(node.name, quote=True)
    yield (f'<g class="bar" data-at="{at}" data-wide="{node.count}" data-name="{name}"><title>{name}: {node.count / total:.1%}</title>'
           f'<rect class="{node.kind}" x="{at * px:.1f}" y="{y}" width="{node.count * px:.1f}" height="{ROW}" rx="1.5"/>'
           f'<text x="{at * px + 3:.1f}" y="{y + 13}">{shown}</text></g>')
    for callee in sorted(node.callees.values(), key=lambda callee: -callee.count):
        yield from bars(callee, at, y - ROW, total)
        at += callee.count

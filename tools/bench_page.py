"""bench_page: judges the budgets, and writes what was measured as Markdown.

Works on the results alone (a dict, as tools/bench saves it in JSON), so that the page can be written
again without measuring again, and tested with canned numbers. A figure is shown as the median of its
rounds; a budget that was missed or not measured is shown like the others.
"""
import dataclasses
import fractions
import re
import statistics

BUDGET_LINE = re.compile(r"(?P<scenario>\S+)\s+(?P<figure>cpu|rate|memory)\s+(?P<over>[\w-]+)(/(?P<under>[\w-]+))?\s+"
                         r"(?P<relation><=|>=)\s+(?P<bound>[\d./]+)\s+(?P<origin>\S.*)$")


@dataclasses.dataclass
class Budget:
    scenario: str
    figure: str
    over: str
    under: str  # None where the bound is no ratio
    relation: str
    bound: fractions.Fraction
    written: str
    origin: str
    value: float = None
    spread: tuple = ()

    @property
    def verdict(self):
        if self.value is None:
            return "not measured"
        kept = self.value <= self.bound if self.relation == "<=" else self.value >= self.bound
        return "kept" if kept else "MISSED"


def read_budgets(text, name="bench/budgets"):
    """The budgets of a file. ValueError, with line and sentence, where one cannot be read."""
    budgets = []
    for number, line in enumerate(text.split("\n"), 1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        match = BUDGET_LINE.match(line)
        try:
            bound = fractions.Fraction(match.group("bound"))
        except (AttributeError, ValueError, ZeroDivisionError):
            raise ValueError(f"{name}:{number}: write SCENARIO cpu|rate|memory NAME[/NAME] <=|>= NUMBER ORIGIN, "
                             f"not \"{line}\"") from None
        fields = match.groupdict()
        budgets.append(Budget(fields["scenario"], fields["figure"], fields["over"], fields["under"],
                              fields["relation"], bound, fields["bound"], fields["origin"]))
    return budgets


def judge(budgets, results):
    """Gives each budget its value: the median of the rounds' ratios. Returns the budgets."""
    for budget in budgets:
        contestants = results["scenarios"].get(budget.scenario, {}).get("contestants", {})
        over = contestants.get(budget.over, {}).get(budget.figure, [])
        if budget.under is None:
            values = over
        else:
            under = contestants.get(budget.under, {}).get(budget.figure, [])
            # A round in which either failed makes no pair.
            values = [a / b for a, b in zip(over, under) if a is not None and b]
        values = [value for value in values if value is not None]
        if values:
            budget.value = statistics.median(values)
            budget.spread = (min(values), max(values))
    return budgets


def page(results, budgets, pictures):
    """The whole of docs/BENCHMARKS.md. `pictures`: where they lie from there, by the name of the growth, or CPU."""
    rounds_word = "round" if results["rounds"] == 1 else "rounds"
    note = " " + results["note"] if results["note"] else ""
    peers = "".join(f"| {name.capitalize()} | {version} |\n" for name, version in results["versions"].items() if name not in ("ringpost", "dovecot"))
    parts = [HEAD.format(**{**results, "note": note}, rounds_word=rounds_word, peers=peers), budget_table(budgets)]
    if CPU in pictures:
        parts.append(f"![CPU of each contestant]({pictures[CPU]})\n")
    chapters = {}
    for name, scenario in results["scenarios"].items():
        chapters.setdefault(scenario["chapter"], []).append((name, scenario))
    for chapter, scenarios in chapters.items():
        parts.append(f"## {chapter}\n")
        parts.extend(memory_table(scenario) if chapter == MEMORY else scenario_table(name, scenario)
                     for name, scenario in scenarios)
    for name, growth in results.get("growth", {}).items():
        parts.append(growth_table(growth, pictures.get(name)))
    parts.append(commands(results))
    if results["failures"]:
        parts.append("## What failed\n\n" + "".join(f"- {line}\n" for line in results["failures"]))
    return "\n".join(parts)


MEMORY = "Memory of a held session"
CPU = "cpu"
LATENCIES = (("p50", "p50 ms"), ("p99", "p99 ms"), ("p999", "p99.9 ms"))

HEAD = """# Benchmarks

Written by `make bench` on {date}; what stands here is one run of it on one machine. Absolute figures hold
for that machine and hour only, ratios hold longer.{note}

| | |
|---|---|
| processor | {machine[processor]}, {machine[cores]} cores; server on core {machine[server_cpu]}, load on core {machine[load_cpu]} |
| kernel | {machine[kernel]} |
| memory, file system of the mail | {machine[memory_gb]} GB, {machine[file_system]} |
| Ringpost | {versions[ringpost]} |
| Dovecot | {versions[dovecot]} |
{peers}| processor time read from | {meter} |
| measured | {rounds} {rounds_word} of {seconds} s for each figure, all contestants in turn in each; the median is shown |
| load average, first and last | {load[0]}, {load[1]} |

The *floor* is `ringbench floor`: it answers from memory, checks no password and opens no file; no server
can do less. All serve the same users the same mail, made by `ringbench fill`. CPU is what the
server's processes spent, seen from outside, for one session or one message. The generator checks all
that it gets; with one core of its own it is often what bounds the *rate* of a fast server (then *busy*,
the share of its core that the server used, is well below 100 %), so compare the CPU.
"""


def budget_table(budgets):
    lines = ["## Budgets\n", "`bench/budgets`, each the median over the rounds, with the smallest and the largest.\n",
             "| scenario | figure | of | bound | measured | from .. to | |", "|---|---|---|---|---|---|---|"]
    for budget in budgets:
        of = budget.over + (f" / {budget.under}" if budget.under else "")
        value, spread = "", ""
        if budget.value is not None:
            value = number(budget.value)
            spread = f"{number(budget.spread[0])} .. {number(budget.spread[1])}"
        verdict = budget.verdict if budget.verdict == "kept" else f"**{budget.verdict}**"
        bound = budget.written
        if "/" in bound:
            bound += f" = {number(float(budget.bound))}"
        lines.append(f"| {budget.scenario} | {budget.figure} | {of} | {budget.relation} {bound} | {value} | {spread} | {verdict} |")
    return "\n".join(lines) + "\n"


def scenario_table(name, scenario):
    unit = scenario["unit"]
    lines = [f"**{name}**: {scenario['title']}\n",
             f"| | CPU us a {unit} | {unit}s a second | busy % | " + " | ".join(words for _, words in LATENCIES) + " |",
             "|---|---|---|---|---|---|---|"]
    lines.extend("| " + " | ".join(row) + " |" for row in scenario_rows(scenario))
    return "\n".join(lines) + "\n"


def scenario_rows(scenario):
    """A list of texts for each contestant, as the columns above want them."""
    rows = []
    for contestant, figures in scenario["contestants"].items():
        row = [middle(figures, key) for key in ("cpu", "rate", "busy", *(key for key, _ in LATENCIES))]
        if row[0] is None:
            rows.append([contestant, "not measured", "", "", "", "", ""])
            continue
        row[2] *= 100
        rows.append([contestant] + [number(value) for value in row])
    return rows


def memory_table(scenario):
    lines = [f"{scenario['title']}\n", "| | KB a session | from .. to sessions |", "|---|---|---|"]
    for contestant, figures in scenario["contestants"].items():
        value = middle(figures, "memory")
        between = " .. ".join(f"{count:,}" for count in figures.get("between", ()))
        lines.append(f"| {contestant} | {number(value / 1024) if value is not None else 'not measured'} | {between} |")
    return "\n".join(lines) + "\n"


def growth_table(growth, picture):
    shown = [f"![{growth['plot']['title']}]({picture})\n"] if picture else []
    lines = [f"## {growth['title']}\n", growth["sentence"] + "\n", *shown, "| " + " | ".join(growth["columns"]) + " |",
             "|" + "---|" * len(growth["columns"])]
    for row in growth["rows"]:
        lines.append("| " + " | ".join(value if isinstance(value, str) else number(value) for value in row) + " |")
    return "\n".join(lines) + "\n"


def commands(results):
    lines = ["## Commands\n", "`make bench`, or `tools/bench --help` for parts of it. One of each kind of load, as it was run",
             "(HOST:PORT stands for where the server listened):\n", "```"]
    lines.extend(scenario["command"] for scenario in results["scenarios"].values() if scenario.get("command"))
    return "\n".join(lines + ["```"]) + "\n"


def middle(figures, key):
    values = [value for value in figures.get(key, []) if value is not None]
    return statistics.median(values) if values else None


def number(value):
    """Three digits that count, with commas."""
    if value == 0:
        return "0"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"

"""bench_report: the pictures of a measurement, and one page of HTML that holds all of it.

Works on the results alone, like bench_page. The page loads nothing from anywhere; its colours follow
the reader's light or dark.
"""
import html
import os

import bench_page
import bench_plot

CPU_OF = ("poll", "fetch", "retr", "tls-poll", "tls-fetch", "lmtp-20", "maildir-poll", "maildir-fetch")

STYLE = """
:root { color-scheme: light dark; --ink: #1c2733; --soft: #5b6875; --line: #dde3e9; --page: #fff; --kept: #2c8a4b; --missed: #c0392b; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6ebf0; --soft: #9aa7b4; --line: #34404c; --page: #14181d; --kept: #6cc98a;
  --missed: #ff8a7a; } }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--page); max-width: 60rem; margin: 2rem auto;
  padding: 0 1rem; }
h1 { font-size: 2rem; margin-bottom: 0.2rem; } h2 { margin-top: 3rem; border-top: 1px solid var(--line); padding-top: 1rem; }
p.lead, caption { color: var(--soft); } svg { max-width: 100%; height: auto; }
table { border-collapse: collapse; margin: 0.6rem 0 1.6rem; font-variant-numeric: tabular-nums; font-size: 0.9rem; }
caption { text-align: left; padding-bottom: 0.3rem; } th { font-weight: 600; color: var(--soft); }
th, td { text-align: right; padding: 0.25rem 0.9rem 0.25rem 0; border-bottom: 1px solid var(--line); }
th:first-child, td:first-child { text-align: left; } .kept { color: var(--kept); } .missed { color: var(--missed); font-weight: 600; }
.wide { overflow-x: auto; }
"""


def pictures(results):
    """SVG by name: that of a growth, or bench_page.CPU."""
    drawn = {name: bench_plot.lines(growth["plot"]) for name, growth in results.get("growth", {}).items() if growth.get("plot")}
    groups = {}
    for name in CPU_OF:
        scenario = results["scenarios"].get(name)
        costs = {who: bench_page.middle(figures, "cpu") for who, figures in scenario["contestants"].items()} if scenario else {}
        costs = {who: cost for who, cost in costs.items() if cost is not None}
        if costs:
            groups[f"{name}: {scenario['title']}"] = costs
    if groups:
        drawn[bench_page.CPU] = bench_plot.bars("CPU of each contestant for a session or a message", "us", groups)
    return drawn


def write_pictures(drawn, folder):
    """Into files of `folder`; returns their names."""
    os.makedirs(folder, exist_ok=True)
    names = {name: name + ".svg" for name in drawn}
    for name, svg in drawn.items():
        with open(os.path.join(folder, names[name]), "w", encoding="utf-8") as file:
            file.write(svg + "\n")
    return names


def report(results, budgets, drawn):
    """The whole page."""
    facts, missed = results["machine"], sum(budget.verdict == "MISSED" for budget in budgets)
    judged = sum(budget.verdict != "not measured" for budget in budgets)
    parts = [
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>"
        f"<title>Ringpost, measured</title><style>{STYLE}</style>",
        f"<h1>Ringpost, measured</h1><p class=lead>{escape(results['date'])}: {escape(facts['processor'])}, {facts['cores']} cores, Linux "
        f"{escape(facts['kernel'])}, {facts['memory_gb']} GB, {escape(facts['file_system'])}; {escape(results['versions']['ringpost'])}; "
        f"Dovecot {escape(results['versions']['dovecot'])}. {results['rounds']} rounds of {results['seconds']} s, all in turn in each; medians. "
        f"{judged - missed} of {judged} budgets kept.</p>"]
    if bench_page.CPU in drawn:
        parts.append("<h2>What it costs</h2><p>Microseconds of the server's CPU, each group on a scale of its own. The floor answers from memory: no "
                     f"server can do less.</p>{drawn[bench_page.CPU]}")
    parts.append("<h2>Budgets</h2>" + table("", ["scenario", "figure", "of", "bound", "measured", ""], map(budget_row, budgets)))
    chapters = {}
    for name, scenario in results["scenarios"].items():
        if scenario["chapter"] != bench_page.MEMORY:
            columns = ["", f"CPU us a {scenario['unit']}", f"{scenario['unit']}s a second", "busy %", *(words for _, words in bench_page.LATENCIES)]
            chapters.setdefault(scenario["chapter"], []).append(table(f"{name}: {scenario['title']}", columns, bench_page.scenario_rows(scenario)))
    parts.extend(f"<h2>{escape(chapter)}</h2>" + "".join(tables) for chapter, tables in chapters.items())
    flames = results.get("flames", {})
    if flames:
        links = [f"<li>{escape(name)}: " + ", ".join(f"<a href='{escape(file)}'>{escape(who)}</a>" for who, file in files.items() if file)
                 for name, files in flames.items()]
        parts.append("<h2>Where the time goes</h2><p>Flame graphs, made in a run that is in no figure. A click makes a bar wide.</p><ul>"
                     + "".join(links) + "</ul>")
    for name, growth in results.get("growth", {}).items():
        rows = [[value if isinstance(value, str) else bench_page.number(value) for value in row] for row in growth["rows"]]
        parts.append(f"<h2>{escape(growth['title'])}</h2><p>{escape(growth['sentence'])}</p>{drawn.get(name, '')}" + table("", growth["columns"], rows))
    return "\n".join(parts) + "\n"


def budget_row(budget):
    of = budget.over + (f" / {budget.under}" if budget.under else "")
    value = "" if budget.value is None else bench_page.number(budget.value)
    return [budget.scenario, budget.figure, of, f"{budget.relation} {budget.written}", value, budget.verdict]


def table(title, columns, rows):
    caption = f"<caption>{escape(title)}</caption>" if title else ""
    head = "".join(f"<th>{escape(column)}" for column in columns)
    body = "".join("<tr>" + "".join(cell(text) for text in row) for row in rows)
    return f"<div class=wide><table>{caption}<thead><tr>{head}<tbody>{body}</table></div>"


def cell(text):
    kind = {"kept": " class=kept", "MISSED": " class=missed"}.get(text, "")
    return f"<td{kind}>{escape(text)}"


def escape(text):
    return html.escape(str(text))

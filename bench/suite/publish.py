"""Puts what was measured into bench/results.json, bench/chart.svg and between the marks in READMEs."""

import json
import os
import re

from suite import chart, report
from suite.systems import SYSTEMS

# What people feel, for the top README.
SHORT_SYSTEMS = ("raw", "ccfs", "hp-uring", "hp", "bindfs")
SHORT_FIGURES = ("seq-write", "seq-read", "rand-read", "append", "files-stat", "git-clone",
                 "git-status", "git-checkout", "untar", "build", "npm-install", "npm-remove",
                 "sqlite")


def between_marks(path, mark, text):
    """Replaces what stands between <!-- mark --> and <!-- /mark -->."""
    with open(path, encoding="utf-8") as file:
        old = file.read()
    pattern = re.compile(rf"(<!-- {mark} -->\n).*?(<!-- /{mark} -->)", re.S)
    if not pattern.search(old):
        raise RuntimeError(f"{path} has no mark {mark}")
    with open(path, "w", encoding="utf-8") as file:
        file.write(pattern.sub(lambda m: m.group(1) + text + "\n" + m.group(2), old))


def measured(results, names):
    return [n for n in names if any(n in of for of in results.values())]


def machine_line(found):
    m = found["machine"]
    counts = {len(values) for results in found["seconds"].values()
              for of in results.values() for values in of.values()}
    rounds = " to ".join(map(str, sorted({min(counts), max(counts)})))
    return (f"{m['cores']} cores ({m['cpu']}), {m['memory_gib']} GiB, Linux {m['kernel']}; "
            f"medians of {rounds} interleaved rounds")


def merge(path, found):
    """What was not measured this time stays as it was."""
    if not os.path.exists(path):
        return found
    with open(path, encoding="utf-8") as file:
        old = json.load(file)
    seconds = old["seconds"]
    for fs, results in found["seconds"].items():
        for figure, of in results.items():
            seconds.setdefault(fs, {}).setdefault(figure, {}).update(of)
    return report.document(seconds, found["setup"], old["scale"] | found["scale"])


def save(path, found):
    with open(path, "w", encoding="utf-8") as out:
        json.dump(found, out, indent=1, sort_keys=True)
        out.write("\n")


def publish(root, found):
    place = os.path.join(root, "bench")
    found = merge(os.path.join(place, "results.json"), found)
    save(os.path.join(place, "results.json"), found)
    order = [s.name for s in SYSTEMS]
    text = [f"Measured on {machine_line(found)}.", ""]
    for fs, results in found["seconds"].items():
        text += [f"#### {fs}", "", report.table(results, measured(results, order)), ""]
    readme = os.path.join(place, "README.md")
    between_marks(readme, "tables", "\n".join(text).rstrip())
    between_marks(readme, "missed", report.missed_table(found["targets"]))
    if "growth" in found["scale"]:
        between_marks(readme, "growth", report.growth_table(found["scale"]["growth"]))
    if "journal" in found["scale"]:
        between_marks(readme, "journal", report.journal_table(found["scale"]["journal"]))
    first = found["seconds"]["ext4"]
    names = measured(first, SHORT_SYSTEMS)
    with open(os.path.join(place, "chart.svg"), "w", encoding="utf-8") as out:
        out.write(chart.draw(first, [n for n in names if n != "raw"], SHORT_FIGURES))
    between_marks(os.path.join(root, "README.md"), "performance",
                  report.table(first, names, SHORT_FIGURES) + f"\n\next4, {machine_line(found)}.")

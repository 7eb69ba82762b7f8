"""From seconds to medians, ratios, tables, and what is met."""

import fnmatch
import json
import os
import platform
from statistics import median

from suite.systems import BY_NAME
from suite.workloads import FIGURES

TARGETS = os.path.join(os.path.dirname(os.path.dirname(__file__)), "targets.json")
FAR_OFF = 2  # times a target: what --quick fails for


def machine():
    """Its class, not its name."""
    model = ""
    with open("/proc/cpuinfo", encoding="utf-8") as lines:
        for line in lines:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / (1 << 30)
    return {"cpu": model, "cores": os.cpu_count(), "memory_gib": round(memory),
            "kernel": ".".join(platform.release().split(".")[:2])}


def ratio(results, figure, system, against, of_rounds=median):
    """Of medians (or of what of_rounds makes of the rounds), or None where one is missing."""
    of = results.get(figure, {})
    if system not in of or against not in of:
        return None
    base = of_rounds(of[against])
    return of_rounds(of[system]) / base if base > 0 else None


def load_targets():
    with open(TARGETS, encoding="utf-8") as file:
        return json.load(file)["targets"]


def judge(by_fs):
    """Each target that was measured: fs, figure, system, against, most, ratio."""
    judged = []
    for fs, results in by_fs.items():
        for target in load_targets():
            if target.get("fs", fs) != fs:
                continue
            system, against = target.get("system", "ccfs"), target["against"]
            for figure in FIGURES:
                if not any(fnmatch.fnmatchcase(figure, p) for p in target["figures"]):
                    continue
                found = ratio(results, figure, system, against)
                if found is not None:
                    judged.append({"fs": fs, "figure": figure, "system": system,
                                   "against": against, "most": target["most"],
                                   "reached": target.get("reached", {}).get(figure, 0),
                                   "ratio": round(found, 3), "ratio_of_best": round(
                                       ratio(results, figure, system, against, min), 3)})
    return judged


def far_off(judged):
    """By the medians and by the best rounds: others use the machine too, and that is no regression.
    What is known not to reach its target must not get worse than twice what it reached."""
    return [j for j in judged if min(j["ratio"], j["ratio_of_best"]) >
            FAR_OFF * max(j["most"], j["reached"])]


def show_time(seconds):
    if seconds < 1e-3:
        return f"{seconds * 1e6:.1f} µs"
    if seconds < 1:
        return f"{seconds * 1e3:.0f} ms"
    return f"{seconds:.2f} s"


def cell(results, figure, name):
    of = results[figure]
    if name not in of:
        return "–"
    if name == "raw" or "raw" not in of or figure.startswith("op-"):
        return show_time(median(of[name]))
    return f"{ratio(results, figure, name, 'raw'):.2f}"


def table(results, names, figures=None):
    """Markdown: the raw folder's time, everybody else's ratio to it; single operations in µs."""
    lines = ["| | " + " | ".join(BY_NAME[n].label for n in names) + " |",
             "|---|" + "---:|" * len(names)]
    for figure, label in FIGURES.items():
        if figure in results and (figures is None or figure in figures):
            lines.append(f"| {label} | " +
                         " | ".join(cell(results, figure, n) for n in names) + " |")
    return "\n".join(lines)


def missed_table(judged):
    """Markdown of what is not met, worst first."""
    missed = [j for j in judged if j["ratio"] > j["most"]]
    if not missed:
        return "All targets are met."
    lines = ["| on | workload | system | against | target | measured |", "|---|---|---|---|---:|---:|"]
    for j in sorted(missed, key=lambda j: -j["ratio"] / j["most"]):
        lines.append(f"| {j['fs']} | {FIGURES[j['figure']]} | {BY_NAME[j['system']].label} | "
                     f"{BY_NAME[j['against']].label} | {j['most']} | {j['ratio']:.2f} |")
    return "\n".join(lines)


def document(by_fs, setup, scale):
    """What goes into the JSON file; scale: what scale.py measured."""
    return {"machine": machine(), "setup": setup, "scale": scale,
            "seconds": by_fs,
            "medians": {fs: {figure: {name: median(values) for name, values in of.items()}
                             for figure, of in results.items()}
                        for fs, results in by_fs.items()},
            "targets": judge(by_fs)}


# --- growth, the journal ------------------------------------------------------------------------

def growth_table(found):
    """Markdown: the first start's times, the others' ratios to them."""
    seconds = found["seconds"]
    starts = list(seconds)
    first = seconds[starts[0]]
    lines = ["| | " + " | ".join(starts) + " |", "|---|" + "---:|" * len(starts)]
    for figure in FIGURES:
        if figure in first:
            ratios = [f"{seconds[s][figure] / first[figure]:.2f}" for s in starts[1:]]
            lines.append(f"| {FIGURES[figure]} | {show_time(first[figure])} | " +
                         " | ".join(ratios) + " |")
    lines.append("| memory of the daemon, all files looked at | " + " | ".join(
        f"{found['daemon_kib'][s]['after'] / 1024:.0f} MiB" for s in starts) + " |")
    return "\n".join(lines)


def journal_rows(found):
    """What, measured, target."""
    recording, back = found["recording"], found["looking_back"]
    yield ("recording a change (pending and confirmed), median, in the caller's way",
           show_time(recording["record-median"]), "2 µs")
    yield "the same, 99th percentile", show_time(recording["record-p99"]), ""
    yield ("recording without a pause, into SQLite and sealed, events a second",
           f"{recording['events-per-second']:,.0f}", "")
    yield "bytes of the journal for an event", f"{recording['bytes-per-event']:.0f}", ""
    for name, label, target in (("history-path", "`ccfs history FILE`", "100 ms"),
                                ("history-folder", "`ccfs history FOLDER`", ""),
                                ("history-session", "`ccfs history --session S`", "100 ms"),
                                ("history", "`ccfs history`", "")):
        yield (f"{label} in ten million events, median, 95th percentile",
               f"{show_time(back[name]['median'])}, {show_time(back[name]['p95'])}", target)
    deletes = found["undo_deletes"]
    yield "undo of 100,000 deletes", show_time(deletes["undo"]), "30 s"
    yield "`rm -rf` of them", show_time(deletes["remove"]), ""
    for name, label in (("undo_unlink", "unlinking a file of 10 GiB, undoing it"),
                        ("undo_truncate", "truncating a file of 10 GiB to nothing, undoing it")):
        of = found[name]
        yield (f"{label}", f"{show_time(of['destroy'])}, {show_time(of['undo'])}; "
               f"{of['more_bytes'] / (1 << 20):.1f} MiB more on the disk", "no copy")


def journal_table(found):
    lines = ["| | measured | target |", "|---|---:|---:|"]
    return "\n".join(lines + [f"| {' | '.join(row)} |" for row in journal_rows(found)])

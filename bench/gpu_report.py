#!/usr/bin/env python3
"""Collects what bench/gpu_check.sh found into one JSON file and one table to read.

usage: gpu_report.py FOLDER OUT CHIP

FOLDER holds steps.tsv (name, result, seconds, note), and where these steps came to something bench.jsonl (cuda_bench
--out) and compare.jsonl (compare.py --out). Writes OUT/gpu-CHIP-DATE.json and .md, with a number where they exist.
"""

import datetime
import json
import pathlib
import re
import sys


def read_steps(path):
    steps = []
    for line in path.read_text(encoding="utf-8").splitlines():
        name, result, seconds, note = line.split("\t", 3)
        steps.append({"step": name, "result": result, "seconds": int(seconds), "note": note})
    return steps


def read_rows(path):
    """The rows of a file of JSON lines; none without the file. A line that was cut off is left out."""
    rows = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
        try:
            rows.append(json.loads(line))
        except ValueError:
            pass
    return rows


def number(value, form, factor=1.0):
    return "-" if value is None else form.format(factor * value)


def table(columns, rows):
    """Markdown. columns: (title, function of a row)."""
    lines = [[title for title, _ in columns], ["---"] * len(columns)]
    lines += [[str(cell(row)).replace("|", "/") for _, cell in columns] for row in rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


STEP_COLUMNS = [
    ("step", lambda r: r["step"]),
    ("result", lambda r: r["result"]),
    ("s", lambda r: r["seconds"]),
    ("", lambda r: r["note"]),
]
BENCH_COLUMNS = [
    ("bench", lambda r: f"`{r['name']}`"),
    ("us", lambda r: number(r.get("us"), "{:.1f}")),
    ("TFLOP/s", lambda r: number(r.get("tflops"), "{:.2f}")),
    ("GB/s", lambda r: number(r.get("gbps"), "{:.0f}")),
    ("of ceiling", lambda r: number(r.get("fraction_of_ceiling"), "{:.0f} %", 100)),
    ("peer", lambda r: r.get("peer", "-")),
    ("peer / ours", lambda r: number(r.get("ratio"), "{:.2f}")),
    ("error", lambda r: number(r.get("error"), "{:.1e}")),
    ("its error", lambda r: number(r.get("peer_error"), "{:.1e}")),
]


def comparison_columns(rows):
    """One column for the ratio over each peer."""
    peers = list(dict.fromkeys(row["peer"] for row in rows))
    ours = [("workload", lambda r: f"`{r['workload']}`"), ("Brenier us", lambda r: f"{r['brenier_us']:.1f}")]
    return ours + [(peer, lambda r, peer=peer: number(r["ratios"].get(peer), "{:.2f}")) for peer in peers]


def by_workload(rows):
    merged = {}
    for row in rows:
        entry = merged.setdefault(row["workload"], {**row, "ratios": {}})
        entry["ratios"][row["peer"]] = row["ratio"]
        entry["brenier_us"] = min(entry["brenier_us"], row["brenier_us"])
    return list(merged.values())


def page(report):
    parts = [f"# {report['chip']}, {report['date']}\n", table(STEP_COLUMNS, report["steps"])]
    if report["bench"]:
        parts += ["## Benches\n", table(BENCH_COLUMNS, report["bench"])]
    if report["compare"]:
        rows = report["compare"]
        parts += ["## Peer time / Brenier time\n", table(comparison_columns(rows), by_workload(rows))]
    return "\n".join(parts)


def free_path(folder, chip, date):
    """Without suffix: gpu-CHIP-DATE, then -2, -3, …"""
    slug = re.sub(r"[^a-z0-9]+", "-", chip.lower()).strip("-")
    for i in range(1, 1000):
        path = folder / (f"gpu-{slug}-{date}" + (f"-{i}" if i > 1 else ""))
        if not path.with_name(path.name + ".json").exists():
            return path
    raise FileExistsError(f"{folder} is full of reports of {date}")


def main(source, out, chip):
    source, out = pathlib.Path(source), pathlib.Path(out)
    date = datetime.datetime.now(datetime.timezone.utc).date().isoformat()
    report = {
        "chip": chip,
        "date": date,
        "steps": read_steps(source / "steps.tsv"),
        "bench": read_rows(source / "bench.jsonl"),
        "compare": read_rows(source / "compare.jsonl"),
    }
    path = free_path(out, chip, date)
    path.with_name(path.name + ".json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    path.with_name(path.name + ".md").write_text(page(report), encoding="utf-8")
    print(f"Written: {path}.json and {path}.md")


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])

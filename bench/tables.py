#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Tables of build/bench/result.json. Usage: bench/tables.py [--docs FILE]

Prints them, or with --docs puts them between the markers in FILE.
"""
import argparse
import json
import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = Path(os.environ.get("BUILD", ROOT / "build"))
RESULT = (BUILD if BUILD.is_absolute() else ROOT / BUILD) / "bench/result.json"
BEGIN, END = "<!-- figures: make bench-docs -->", "<!-- end of figures -->"

VARIANTS = ("plain", "plain_on_core", "zone_full", "zone_half", "zone_tenth")
FIGURES = ("boot", "redis_set", "redis_get", "walk")
LABELS = {"boot": "boot, s", "redis_set": "SET, requests/s", "redis_get": "GET, requests/s",
          "walk": "walk, µs/page"}
PAGE = (("memcpy_us", "memcpy"), ("openssl_gcm_us", "OpenSSL AES-256-GCM"),
        ("best_library_us", "best library"), ("cloister_us", "Cloister's page cipher"))
KINDS_SHOWN = 6


def number(value):
    if value is None:
        return "–"
    if value >= 100:
        return f"{value:.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def cell(figure, value, ratio):
    if value is None:
        return "–"
    shown = number(value / 1000 if figure == "walk" else value)
    return shown if ratio in (None, 1) else f"{shown} ({number(ratio)}×)"


def page_rows(result):
    page = result["page"]
    rows = [["4 KiB page, seal or open", "µs"]]
    for key, label in PAGE:
        extra = {"best_library_us": page.get("best_library"),
                 "cloister_us": page.get("cloister_path")}.get(key)
        value = page.get(key)
        rows.append([label + (f" ({extra})" if extra else ""),
                     "–" if value is None else f"{value:.2f}"])
    return rows


def node_rows(result):
    node = result["node"]
    rows = [["", *VARIANTS]]
    for figure in FIGURES:
        rows.append([LABELS[figure], *(cell(figure, node[figure][v], node["ratios"][figure][v])
                                       for v in VARIANTS)])
    rows.append(["window, pages", *(number(node["window_pages"].get(v)) for v in VARIANTS)])
    rows.append(["turns", *(str(node["method"]["turns"][v]) for v in VARIANTS)])
    return rows


def exit_rows(result):
    rows = [["exits/s (to the host)", "boot", "redis", "walk", "most frequent, over all three"]]
    for variant in VARIANTS[1:]:
        phases = result["node"]["exits"].get(variant) or {}
        row, kinds = [variant], {}
        for phase in ("boot", "redis", "walk"):
            p = phases.get(phase)
            row.append("–" if not p else f"{number(p['per_second'])} "
                                         f"({number(p['to_host'] / p['seconds'])})")
            for name, n in (p["by_kind"] if p else {}).items():
                kinds[name] = kinds.get(name, 0) + n["guest"]
        most = sorted(kinds.items(), key=lambda k: -k[1])[:KINDS_SHOWN]
        total = sum(kinds.values()) or 1
        row.append(", ".join(f"{name} {100 * n / total:.0f} %" for name, n in most) or "–")
        rows.append(row)
    return rows


def aligned(rows):
    widths = [max(len(r[i]) for r in rows) for i in range(len(rows[0]))]
    return "\n".join("  ".join(c.ljust(w) if i == 0 else c.rjust(w)
                               for i, (c, w) in enumerate(zip(r, widths))).rstrip() for r in rows)


def markdown(rows):
    head, *body = rows
    lines = ["| " + " | ".join(head) + " |", "|---|" + "---:|" * (len(head) - 1)]
    return "\n".join(lines + ["| " + " | ".join(r) + " |" for r in body])


def parts(result):
    return [page_rows(result), node_rows(result), exit_rows(result)]


def text(result):
    return "\n\n".join(aligned(rows) for rows in parts(result)) + "\n"


def docs(result):
    m, node = result["machine"], result["node"]
    how = "a quick run (`BENCH_QUICK=1`)" if result["quick"] else "a full run"
    lines = [BEGIN, "",
             f"From {how} of version {result['version']} on {m['date']}: {m['cpu']}, {m['cpus']} "
             f"CPUs, QEMU {m['qemu']}, load {m['load_before']} before and {m['load_after']} after, "
             f"{result['seconds']:.0f} s. In brackets: times slower than `plain`.",
             f"Working set: {node['working_set_pages'] or '–'} pages.", ""]
    if result["failures"]:
        lines += ["Not measured, for it failed: " + "; ".join(result["failures"]) + ".", ""]
    for rows in parts(result):
        lines += [markdown(rows), ""]
    return "\n".join(lines + [END])


def put_into(path, new):
    old = path.read_text()
    if old.count(BEGIN) != 1 or old.count(END) != 1:
        raise ValueError(f"{path}: the markers of the figures are missing")
    head, rest = old.split(BEGIN)
    path.write_text(head + new + rest.split(END)[1])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--docs", type=Path, metavar="FILE")
    options = parser.parse_args()
    try:
        result = json.loads(RESULT.read_text())
        if options.docs:
            put_into(options.docs, docs(result))
        else:
            print(text(result))
    except (OSError, ValueError) as e:
        print(f"cloister: bench: {e}; run `make bench` first", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

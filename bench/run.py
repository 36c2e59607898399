#!/usr/bin/env python3
"""The same work through zoomd and through other queues, interleaved, in one go.

    python3 bench/run.py [--rounds 4] [--jobs 100000] [--only NAME] [--skip-latency]

Writes target/bench/report.json and prints a table. See bench/README.md.
"""
import argparse
import json
import os
import statistics
import sys

from harness import rows, run

KINDS = ("0 ms", "50 ms", "latency")


def measure(kind, row, jobs):
    slow = row.name.startswith(("Celery", "BullMQ"))
    if kind == "latency":
        return run.latency(row, 750)
    count = jobs // 8 if slow else jobs
    return run.throughput(row, count, 1000, 50) if kind == "50 ms" else run.throughput(row, count, 256, 0)


def build(chosen):
    rows.build_rust("peer-mock")
    ready = []
    for row in chosen:
        try:
            print(f"building {row.name}", file=sys.stderr)
            row.build()
            ready.append(row)
        except rows.Skip as reason:
            print(f"skipped {row.name}: {reason}", file=sys.stderr)
    return ready


def rounds(ready, options):
    """The bare loop runs before and after each round; a row's ratio is to their mean."""
    found = {row.name: {} for row in ready}

    def note(kind, row, ratio_to=None):
        try:
            result = measure(kind, row, options.jobs)
        except (RuntimeError, TimeoutError) as error:
            print(f"  {kind:8} {row.name:24} {error}", file=sys.stderr)
            return None
        found[row.name].setdefault(kind, []).append(result)
        print(f"  {kind:8} {row.name:24} {json.dumps(result)}", file=sys.stderr)
        return result

    kinds = [k for k in options.kind or KINDS if not (k == "latency" and options.skip_latency)]
    for number in range(options.rounds):
        print(f"round {number + 1} of {options.rounds}", file=sys.stderr)
        for kind in kinds:
            bare = [note(kind, rows.BARE)]
            results = [(row, note(kind, row)) for row in ready if row is not rows.BARE]
            bare.append(note(kind, rows.BARE))
            rates = [b["jobs_s"] for b in bare if b and "jobs_s" in b]
            for _, result in results:
                if result and rates and "jobs_s" in result:
                    result["of_bare"] = round(result["jobs_s"] / statistics.mean(rates), 3)
    return found


def middle(results, field):
    values = [r[field] for r in results or [] if field in r]
    return (statistics.median(values), min(values), max(values)) if values else None


def cell(found, digits=0):
    if not found:
        return "-"
    mid, low, high = (f"{v:,.{digits}f}" for v in found)
    return f"{mid} ({low}-{high})"


def table(found):
    head = ["", "0 ms, jobs/s", "x bare", "50 ms, jobs/s", "x bare", "p50 ms", "p99 ms", "RSS MB, 256", "RSS MB, 1,000",
            "commands/job", "B/waiting job"]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for name, kinds in found.items():
        fast, slow, late = (kinds.get(k) for k in KINDS)
        cells = [cell(middle(fast, "jobs_s")), cell(middle(fast, "of_bare"), 2), cell(middle(slow, "jobs_s")),
                 cell(middle(slow, "of_bare"), 2), cell(middle(late, "p50_ms"), 2), cell(middle(late, "p99_ms"), 2),
                 cell(middle(fast, "rss_mb"), 1), cell(middle(slow, "rss_mb"), 1),
                 cell(middle(fast, "commands_per_job"), 2), cell(middle(fast, "bytes_per_waiting_job"))]
        lines.append("| " + " | ".join([name, *cells]) + " |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--jobs", type=int, default=100_000)
    parser.add_argument("--only", action="append", help="a row by the start of its name; the bare loop always runs")
    parser.add_argument("--skip-latency", action="store_true")
    parser.add_argument("--kind", action="append", choices=KINDS, help="only this measurement")
    parser.add_argument("--daemons", type=int, default=1, help="processes of zoomd that share the work")
    parser.add_argument("--accounts", type=int, default=10, help="accounts the jobs are for, in turn")
    options = parser.parse_args()
    run.Run.daemons, run.Run.all_accounts = options.daemons, options.accounts
    wanted = [r for r in rows.ALL if not options.only or r.name.lower().startswith(tuple(map(str.lower, options.only)))]
    found = rounds(build([*wanted, rows.BARE]), options)
    with open(os.path.join(rows.WORK, "report.json"), "w") as out:
        json.dump(found, out, indent=1)
    print(table(found))


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Whether one noisy account makes quiet ones wait.

    python3 bench/noisy.py [--runs 9] [--jobs 100000] [--plan pro]

A daemon, Redis and the mock on this machine. A run sends one job to each of 1,000 quiet accounts, 250 a second, and takes
the p99 of their time to start (the outcome's `started_at` minus `enqueued_at`); first with nothing else in Redis, then with
100,000 jobs of one account waiting, of 1,000 hosts, which go at the rate of the account's plan all the while.
Prints the median of the runs, and writes target/bench/noisy.json.
"""
import argparse
import datetime
import json
import os
import statistics
import subprocess
import sys
import time

from harness import rows, run
from harness.process import wait_for
from harness.resp import Redis

QUIET, RATE, HOSTS = 1_000, 250.0, 1_000


class Crowd(rows.Zoomd):
    name = "noisy"

    def __init__(self, plan):
        self.plan = plan

    def setup(self, run):
        def line(name, plan):
            return json.dumps({"account": name, "refresh_token": f"bench-{name}", "plan": plan,
                               "scope": "meeting:write:meeting"}) + "\n"
        lines = "".join(line(f"quiet-{i}", "pro") for i in range(QUIET)) + line("noisy", self.plan)
        subprocess.run([self.binary, "account", "import", "-"], input=lines, text=True, check=True,
                       env={**os.environ, **self.env(run)}, stdout=run.group.log, stderr=run.group.log)

    def text(self, account, user, name):
        meeting = {"topic": name, "type": 2, "start_time": "2030-01-07T10:00:00Z", "duration": 30}
        return json.dumps({"id": name, "account": account, "user": user, "meeting": meeting})

    def noise(self, run, count):
        jobs = os.path.join(run.folder, "jobs.jsonl")
        with open(jobs, "w") as out:
            out.writelines(self.text("noisy", f"u{i % HOSTS}", f"noise-{i}") + "\n" for i in range(count))
        return run.start([self.binary, "enqueue", "--file", jobs], self.env(run))


def stamp(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() * 1000


def times_to_start(redis, row, number):
    """One job of each quiet account, at a steady rate; the milliseconds until each started, sorted."""
    last = redis("XREVRANGE", row.out, "+", "-", "COUNT", 1)
    after, begin, took = (last[0][0].decode() if last else "0-0"), time.monotonic(), []

    def collect():
        nonlocal after
        for entry, fields in redis("XRANGE", row.out, "(" + after, "+", "COUNT", 5_000):
            after = entry.decode()
            outcome = dict(zip(fields[::2], fields[1::2]))
            if outcome[b"account"].startswith(b"quiet-"):
                result = json.loads(outcome[b"result"])
                took.append(stamp(result["started_at"]) - stamp(result["enqueued_at"]))
        return len(took) >= QUIET

    for i in range(QUIET):
        time.sleep(max(0.0, begin + i / RATE - time.monotonic()))
        redis("XADD", "zoomd:jobs", "*", "job", row.text(f"quiet-{i}", "me", f"quiet-{number}-{i}"))
    wait_for("the quiet accounts' jobs", collect, 60)
    return sorted(took)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--jobs", type=int, default=100_000)
    parser.add_argument("--plan", default="pro", help="of the noisy account; `unlimited` makes its jobs run, not wait")
    parser.add_argument("--built", action="store_true", help="take the binaries as they are")
    options = parser.parse_args()
    row = Crowd(options.plan)
    if options.built:
        row.binary = os.path.join(rows.WORK, "zoomd", "release", "zoomd")
    else:
        rows.build_rust("peer-mock")
        row.build()
    found = {"alone": [], "beside": []}
    with run.Run(row, QUIET, 256, 0) as rig:
        row.work(rig)
        time.sleep(3)
        redis = Redis(rig.redis_port)
        times_to_start(redis, row, "warm")
        for number in range(options.runs):
            found["alone"].append(times_to_start(redis, row, f"alone-{number}"))
        if row.noise(rig, options.jobs).wait(300):
            raise RuntimeError("could not enqueue; see target/bench/logs")
        wait_for("the noisy jobs wait", lambda: redis("XLEN", "zoomd:jobs") < 300, 120)
        print(f"{redis('HLEN', 'zoomd:v1:payload:noisy'):,} jobs of the noisy account wait", file=sys.stderr)
        for number in range(options.runs):
            found["beside"].append(times_to_start(redis, row, f"beside-{number}"))
        left = redis("HLEN", "zoomd:v1:payload:noisy")
        print(f"{left:,} still wait", file=sys.stderr)
    report = {name: {f"p{part}_ms": statistics.median(took[QUIET * part // 100 - 1] for took in runs) for part in (50, 99)}
              for name, runs in found.items()}
    report["grown_ms"] = round(report["beside"]["p99_ms"] - report["alone"]["p99_ms"], 2)
    report["p99_of_runs"] = {name: [took[QUIET * 99 // 100 - 1] for took in runs] for name, runs in found.items()}
    with open(os.path.join(rows.WORK, "noisy.json"), "w") as out:
        json.dump(report, out, indent=1)
    print(json.dumps(report))


if __name__ == "__main__":
    main()

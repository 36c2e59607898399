#!/usr/bin/env python3
"""What traces cost: jobs a second without them, with a tenth of the jobs sampled, and with all.

    python3 bench/traces.py [--rounds 5] [--jobs 50000] [--binary PATH]

The three run in turn, in each round in another order, against the mock of `bench/run.py`; a collector that takes everything
listens in this process. Prints the median of each and its ratio to the one without; only ratios within one run mean anything.
Writes target/bench/traces.json.
"""
import argparse
import http.server
import json
import os
import statistics
import sys
import threading

from harness import rows, run

SAMPLERS = {"off": None, "10 %": "0.1", "all": "1"}


class Collector(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    exports = 0

    def do_POST(self):
        self.rfile.read(int(self.headers.get("content-length", 0)))
        Collector.exports += 1
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


class Traced(rows.Zoomd):
    def __init__(self, sampler, collector):
        self.name, self.sampler, self.collector = f"zoomd, traces {sampler}", SAMPLERS[sampler], collector

    def env(self, *args, **kwargs):
        env = super().env(*args, **kwargs)
        if self.sampler:
            env |= {"OTEL_EXPORTER_OTLP_ENDPOINT": self.collector, "OTEL_TRACES_SAMPLER": "traceidratio",
                    "OTEL_TRACES_SAMPLER_ARG": self.sampler}
        return env


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--jobs", type=int, default=50_000)
    parser.add_argument("--binary", help="an optimised zoomd; without it one is built")
    options = parser.parse_args()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Collector)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    made = {name: Traced(name, f"http://127.0.0.1:{server.server_port}") for name in SAMPLERS}
    rows.build_rust("peer-mock")
    if options.binary:
        binary = options.binary
    else:
        made["off"].build()
        binary = made["off"].binary
    found = {name: [] for name in SAMPLERS}
    for number in range(options.rounds):
        order = list(SAMPLERS)
        order = order[number % 3:] + order[:number % 3]
        for name in order:
            made[name].binary = os.path.abspath(binary)
            result = run.throughput(made[name], options.jobs, 256, 0)
            found[name].append(result)
            print(f"  {name:6} {json.dumps(result)}", file=sys.stderr)
    report = {"exports": Collector.exports, "rounds": found}
    for key in ("jobs_s", "worker_us"):
        middle = {name: statistics.median(one[key] for one in results) for name, results in found.items()}
        report[key] = middle
        print(f"{key:10}", "  ".join(f"{name} {value:.0f} ({value / middle['off']:.3f})" for name, value in middle.items()))
    with open(os.path.join(rows.WORK, "traces.json"), "w") as file:
        json.dump(report, file, indent=1)
    if not Collector.exports:
        sys.exit("the collector got nothing")


if __name__ == "__main__":
    main()

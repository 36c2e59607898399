#!/usr/bin/env python3
"""What zoomd costs when it has nothing to do, how soon it is ready, and how fast jobs go in.

    python3 bench/rest.py [--accounts 10000] [--jobs 1000000] [--binary PATH]

Redis, a small token endpoint and zoomd on this machine. In turn:
- start: from the start of the process to the first 200 of /readyz, with no account and with all accounts connected;
- rest: resident memory and CPU over half a minute with all accounts connected and no job;
- bulk: `zoomd enqueue --file` with jobs of 300 bytes: jobs a second, peak memory at a tenth of the jobs and at all of them,
  how often the progress line was written, and what Redis keeps for each job.
Prints a line for each and writes target/bench/rest.json.
"""
import argparse
import http.client
import http.server
import json
import os
import pty
import subprocess
import threading
import time

from harness import rows
from harness.process import Group, cpu_s, free_port, wait_for
from harness.resp import Redis

TOKEN = json.dumps({"access_token": "bench", "token_type": "bearer", "refresh_token": "bench-next", "expires_in": 3600,
                    "scope": "meeting:write:meeting meeting:read:list_meetings meeting:read:meeting"}).encode()


class Tokens(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.rfile.read(int(self.headers.get("content-length", 0)))
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(TOKEN)))
        self.end_headers()
        self.wfile.write(TOKEN)

    def log_message(self, *_):
        pass


class Bench:
    """What `rows.Zoomd` asks of a run, without a mock of meetings."""
    concurrency = 256

    def __init__(self, folder):
        self.folder = folder
        os.makedirs(folder, exist_ok=True)
        for name in os.listdir(folder):
            subprocess.run(["rm", "-rf", os.path.join(folder, name)], check=True)
        self.port, self.listen_port = free_port(), free_port()
        self.redis_url = f"redis://127.0.0.1:{self.port}"
        self.tokens = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Tokens)
        threading.Thread(target=self.tokens.serve_forever, daemon=True).start()
        self.mock_url = f"http://127.0.0.1:{self.tokens.server_port}"

    def __enter__(self):
        self.group = Group(os.path.join(self.folder, "log"))
        self.group.start(["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--dir", self.folder, "--save", "",
                          "--appendonly", "yes", "--appendfsync", "everysec", "--auto-aof-rewrite-percentage", "0"])
        wait_for("redis", lambda: Redis(self.port)("PING") == "PONG")
        self.redis = Redis(self.port)
        return self

    def __exit__(self, *error):
        self.group.__exit__(*error)
        self.tokens.shutdown()


def ready(port):
    try:
        asked = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        asked.request("GET", "/readyz")
        return asked.getresponse().status == 200
    except OSError:
        return False


def start(bench, row):
    """Starts a daemon; answers it and the milliseconds until it was ready."""
    began = time.monotonic()
    daemon = bench.group.start([row.binary, "run"], {**os.environ, **row.env(bench)})
    while not ready(bench.listen_port):
        if time.monotonic() - began > 30:
            raise TimeoutError("the daemon is not ready; see target/bench/rest/log")
        time.sleep(0.002)
    return daemon, (time.monotonic() - began) * 1000


def stop(daemon):
    daemon.terminate()
    daemon.wait(60)


def status_mb(pid, field):
    return int(open(f"/proc/{pid}/status").read().split(field + ":")[1].split()[0]) / 1024


def start_times(bench, row, times=5):
    took = []
    for _ in range(times):
        daemon, ms = start(bench, row)
        took.append(ms)
        stop(daemon)
    return round(sorted(took)[times // 2])


def rest(bench, row, settle_s=20, watch_s=30):
    daemon, _ = start(bench, row)
    time.sleep(settle_s)
    before = cpu_s(daemon.pid)
    time.sleep(watch_s)
    used = (cpu_s(daemon.pid) - before) / watch_s * 100
    found = {"idle_rss_mb": round(status_mb(daemon.pid, "VmRSS"), 1), "idle_cpu_percent_of_a_core": round(used, 2)}
    stop(daemon)
    return found


def write_jobs(path, count):
    with open(path, "w") as out:
        for i in range(count):
            meeting = {"topic": "x" * 118, "type": 2, "start_time": "2030-01-07T10:00:00Z", "duration": 30}
            out.write(json.dumps({"id": f"bulk-{i:09d}", "account": f"acct-{i % 10}", "user": "host@example.com",
                                  "meeting": meeting}) + "\n")
    return os.path.getsize(path) // count


def enqueue(bench, row, path):
    """Runs the command on a terminal of its own; answers seconds, peak MB and how often the line was drawn anew."""
    master, slave = pty.openpty()
    began = time.monotonic()
    child = subprocess.Popen([row.binary, "enqueue", "--file", path], env={**os.environ, **row.env(bench)}, stdin=slave,
                             stdout=slave, stderr=slave, start_new_session=True)
    os.close(slave)
    drawn = 0
    while True:
        try:
            text = os.read(master, 65536)
        except OSError:
            break
        if not text:
            break
        drawn += 1
    _, code, usage = os.wait4(child.pid, 0)
    if code:
        raise RuntimeError(f"enqueue ended with {code}")
    return time.monotonic() - began, usage.ru_maxrss / 1024, drawn


def bulk(bench, row, jobs):
    path, found = os.path.join(bench.folder, "jobs.jsonl"), {}
    for name, count in (("tenth", jobs // 10), ("all", jobs)):
        size = write_jobs(path, count)
        before = int(bench.redis.info("memory")["used_memory"])
        took, peak, drawn = enqueue(bench, row, path)
        kept = int(bench.redis.info("memory")["used_memory"]) - before
        found[name] = {"jobs": count, "bytes_a_job": size, "jobs_s": round(count / took), "peak_mb": round(peak, 1),
                       "line_drawn": drawn, "redis_bytes_a_job": round(kept / count)}
        bench.redis("DEL", "zoomd:jobs")
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--accounts", type=int, default=10_000)
    parser.add_argument("--jobs", type=int, default=1_000_000)
    parser.add_argument("--binary", help="a zoomd that is built already")
    options = parser.parse_args()
    row = rows.Zoomd()
    if options.binary:
        row.binary = options.binary
    else:
        row.build()
    found = {}

    def note(name, value):
        found[name] = value
        print(f"{name}: {json.dumps(value)}", flush=True)

    with Bench(os.path.join(rows.WORK, "rest")) as bench:
        bench.accounts = options.accounts
        note("ready_ms_no_account", start_times(bench, row))
        bench.group.log.flush()
        row.setup(bench)
        note("first_ready_ms_all_accounts", start_times(bench, row, 1))
        note("ready_ms_all_accounts", start_times(bench, row))
        note("rest", rest(bench, row))
        note("bulk", bulk(bench, row, options.jobs))
    with open(os.path.join(rows.WORK, "rest.json"), "w") as out:
        json.dump(found, out, indent=1)


if __name__ == "__main__":
    main()

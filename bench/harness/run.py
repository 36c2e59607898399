"""One run: a fresh Redis and mock, one row, one kind of measurement."""
import os
import shutil
import threading
import time

from harness.process import Group, cpu_s, free_port, listening, peak_rss_mb, wait_for
from harness.resp import Redis
from harness.rows import RUST, WORK


class Run:
    daemons, all_accounts = 1, 10

    def __init__(self, row, count, concurrency, latency_ms, accounts=None):
        self.row, self.count, self.concurrency, self.accounts = row, count, concurrency, accounts or self.all_accounts
        self.latency_ms = latency_ms
        self.folder = os.path.join(WORK, "run")
        shutil.rmtree(self.folder, ignore_errors=True)
        os.makedirs(self.folder)
        os.makedirs(os.path.join(WORK, "logs"), exist_ok=True)
        self.redis_port, self.mock_port, self.listen_port = free_port(), free_port(), free_port()
        self.redis_url = f"redis://127.0.0.1:{self.redis_port}"
        self.mock_url = f"http://127.0.0.1:{self.mock_port}"

    def start(self, argv, env=None, cwd=None):
        shared = {"REDIS_URL": self.redis_url, "MOCK_URL": self.mock_url, "COUNT": str(self.count),
                  "CONCURRENCY": str(self.concurrency), "ACCOUNTS": str(self.accounts)}
        return self.group.start(argv, {**shared, **(env or {})}, cwd)

    def __enter__(self):
        name = "".join(c if c.isalnum() else "-" for c in self.row.name)
        self.group = Group(os.path.join(WORK, "logs", name + ".log"))
        self.server = self.group.start([
            "redis-server", "--port", str(self.redis_port), "--bind", "127.0.0.1", "--dir", self.folder, "--save", "",
            "--appendonly", "yes", "--appendfsync", "everysec", "--auto-aof-rewrite-percentage", "0"])
        self.group.start([os.path.join(RUST, "peer-mock")],
                         {"MOCK_PORT": str(self.mock_port), "MOCK_LATENCY_MS": str(self.latency_ms)})
        wait_for("redis", lambda: Redis(self.redis_port)("PING") == "PONG")
        wait_for("the mock", lambda: listening(self.mock_port))
        self.redis = Redis(self.redis_port)
        self.row.setup(self)
        return self

    def __exit__(self, *error):
        self.group.__exit__(*error)

    def done(self):
        return self.redis("XLEN", self.row.out)


def used_bytes(redis):
    return int(redis.info("memory")["used_memory"])


def throughput(row, count, concurrency, latency_ms):
    """Jobs per second from the first to the last outcome, by Redis' own clock."""
    with Run(row, count, concurrency, latency_ms) as run:
        result, empty = {}, used_bytes(run.redis)
        if not row.feeds_while_running:
            if run.row.enqueue(run).wait(300):
                raise RuntimeError(f"{row.name} could not enqueue; see target/bench/logs")
            result["bytes_per_waiting_job"] = round((used_bytes(run.redis) - empty) / count)
        run.redis("CONFIG", "RESETSTAT")
        worker = row.work(run)
        if row.feeds_while_running:
            row.enqueue(run)
        limit = 60 + count / 500
        wait_for(f"{row.name}: {count} outcomes", lambda: run.done() >= count, limit)
        first = run.redis("XRANGE", row.out, "-", "+", "COUNT", 1)[0][0]
        last = run.redis("XREVRANGE", row.out, "+", "-", "COUNT", 1)[0][0]
        took_s = max(1, int(last.split(b"-")[0]) - int(first.split(b"-")[0])) / 1000
        result.update(
            jobs_s=round((count - 1) / took_s), rss_mb=round(peak_rss_mb(worker.pid), 1),
            commands_per_job=round(run.redis.commands() / count, 2),
            worker_us=round(cpu_s(worker.pid) / count * 1e6, 1), redis_us=round(cpu_s(run.server.pid) / count * 1e6, 1))
        return result


# The first second of jobs opens connections and, for zoomd, fetches a token for each account: with ten
# accounts and 750 jobs that alone would be its p99.
WARM_UP = 50


def latency(row, count, rate=50):
    """From enqueueing to seeing the outcome, at a steady rate, once the row has warmed up."""
    seen, count = [], count + WARM_UP
    with Run(row, count, 256, 0) as run:
        row.work(run)
        time.sleep(3)  # every worker has started and is idle

        def observe():
            reader, after = Redis(run.redis_port), "0-0"
            while len(seen) < count:
                found = reader("XREAD", "COUNT", 100, "BLOCK", 20000, "STREAMS", row.out, after)
                now = time.time()
                if found is None:
                    return
                for after, fields in found[0][1]:
                    seen.append((now - row.enqueued_at(fields)) * 1000)

        watcher = threading.Thread(target=observe)
        watcher.start()
        row.enqueue(run, paced=True)
        watcher.join(count / rate + 60)
    if len(seen) < count:
        raise RuntimeError(f"{row.name}: {len(seen)} of {count} outcomes")
    ordered = sorted(seen[WARM_UP:])
    count = len(ordered)
    return {"p50_ms": round(ordered[count // 2], 2), "p99_ms": round(ordered[int(count * 0.99)], 2)}

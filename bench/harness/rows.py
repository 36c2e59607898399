"""The rows of the table: how each queue is built, fed and run."""
import json
import os
import shutil
import subprocess
import sys
import time

from harness.process import free_port

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ROOT = os.path.dirname(HERE)
WORK = os.environ.get("BENCH_WORK", os.path.join(ROOT, "target", "bench"))
RUST = os.path.join(WORK, "rust", "release")


class Skip(Exception):
    """This peer cannot be installed here; the reason."""


def build(argv, cwd, env=None):
    done = subprocess.run(argv, cwd=cwd, env={**os.environ, **(env or {})}, capture_output=True, text=True)
    if done.returncode:
        raise Skip(f"`{' '.join(argv)}` failed: {(done.stderr or done.stdout).strip().splitlines()[-1:]}")


def build_rust(package):
    build(["cargo", "build", "--release", "-q", "-p", package], os.path.join(HERE, "rust"),
          {"CARGO_TARGET_DIR": os.path.join(WORK, "rust")})


class Row:
    """One queue. `out` is the stream whose length tells how many jobs are done."""
    name, out, feeds_while_running = "", "out", False

    def build(self):
        pass

    def setup(self, run):
        """Before jobs go in, with Redis and the mock up."""

    def enqueue(self, run, paced=False):
        raise NotImplementedError

    def work(self, run):
        """Starts the worker; the process whose family is measured."""
        raise NotImplementedError

    def enqueued_at(self, fields):
        return float(fields[fields.index(b"enq") + 1])


class RustPeer(Row):
    def __init__(self, name, package, feeds_while_running=False):
        self.name, self.package, self.feeds_while_running = name, package, feeds_while_running

    def build(self):
        build_rust(self.package)

    def enqueue(self, run, paced=False):
        return run.start([os.path.join(RUST, self.package), "enqueue"], {"PACED": str(int(paced))})

    def work(self, run):
        return run.start([os.path.join(RUST, self.package), "work"])


class BullNode(Row):
    name = "BullMQ (Node)"
    folder = os.path.join(WORK, "node")

    def build(self):
        if not (shutil.which("node") and shutil.which("npm")):
            raise Skip("node or npm is not installed")
        shutil.copytree(os.path.join(HERE, "node"), self.folder, dirs_exist_ok=True)
        build(["npm", "install", "--silent", "--no-audit", "--no-fund"], self.folder)

    def enqueue(self, run, paced=False):
        return run.start(["node", "bullmq.mjs", "enqueue"], {"PACED": str(int(paced))}, self.folder)

    def work(self, run):
        return run.start(["node", "bullmq.mjs", "work"], None, self.folder)


class Celery(Row):
    name = "Celery (gevent)"
    source, venv = os.path.join(HERE, "python"), os.path.join(WORK, "venv")

    def build(self):
        if not os.path.exists(os.path.join(self.venv, "bin", "celery")):
            build([sys.executable, "-m", "venv", self.venv], HERE)
            build([os.path.join(self.venv, "bin", "pip"), "install", "-q", "-r", "requirements.txt"], self.source)

    def enqueue(self, run, paced=False):
        argv = [os.path.join(self.venv, "bin", "python"), "celery_peer.py"]
        return run.start(argv, {"PACED": str(int(paced))}, self.source)

    def work(self, run):
        argv = [os.path.join(self.venv, "bin", "celery"), "-A", "celery_peer", "worker", "-P", "gevent", "-c",
                str(run.concurrency), "-l", "WARNING", "--without-gossip", "--without-mingle", "--without-heartbeat"]
        return run.start(argv, {"C_FORCE_ROOT": "1"}, self.source)


class Zoomd(Row):
    """All guarantees on; limits so high that they do not bind; the whole reply pushed, as by all peers."""
    name, out = "zoomd", "zoomd:results"
    binary = os.path.join(WORK, "zoomd", "bench", "zoomd")

    def build(self):
        build(["cargo", "build", "--locked", "--profile", "bench", "-q", "--bin", "zoomd"], ROOT,
              {"CARGO_TARGET_DIR": os.path.join(WORK, "zoomd")})
        # `--profile bench` puts its files into `release`.
        self.binary = os.path.join(WORK, "zoomd", "release", "zoomd")

    def env(self, run, nth=0):
        data = os.path.join(run.folder, f"zoomd-{nth}")
        os.makedirs(data, exist_ok=True)
        return {
            "ZOOMD_REDIS_URL": run.redis_url, "ZOOMD_ZOOM_API_URL": run.mock_url + "/v2",
            "ZOOMD_ZOOM_OAUTH_URL": run.mock_url, "ZOOMD_CLIENT_ID": "bench", "ZOOMD_CLIENT_SECRET": "bench",
            "ZOOMD_ENCRYPTION_KEY": "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=", "ZOOMD_DATA_DIR": data,
            "ZOOMD_LISTEN": f"127.0.0.1:{run.listen_port if nth == 0 else free_port()}", "ZOOMD_CONCURRENCY": str(run.concurrency),
            "ZOOMD_RESULTS__INCLUDE": "start_url,settings,dynamic_host_key", "ZOOMD_LOG": "warn",
        }

    def setup(self, run):
        lines = "".join(json.dumps({"account": f"acct-{i}", "refresh_token": f"bench-{i}", "plan": "unlimited",
                                    "scope": "meeting:write:meeting"}) + "\n" for i in range(run.accounts))
        subprocess.run([self.binary, "account", "import", "-"], input=lines, text=True, check=True,
                       env={**os.environ, **self.env(run)}, stdout=run.group.log, stderr=run.group.log)

    def job(self, i, accounts):
        meeting = {"topic": f"Meeting {i}", "type": 2, "start_time": "2030-01-07T10:00:00Z", "duration": 30}
        return {"id": f"bench-{i:09d}", "account": f"acct-{i % accounts}", "meeting": meeting,
                "metadata": {"enq": time.time()}}

    def enqueue(self, run, paced=False):
        if paced:
            return run.start([sys.executable, "-m", "harness.pace"], {"PYTHONPATH": HERE}, HERE)
        jobs = os.path.join(run.folder, "jobs.jsonl")
        with open(jobs, "w") as out:
            out.writelines(json.dumps(self.job(i, run.accounts)) + "\n" for i in range(run.count))
        return run.start([self.binary, "enqueue", "--file", jobs], self.env(run))

    def work(self, run):
        for nth in range(1, run.daemons):
            run.start([self.binary, "run"], self.env(run, nth))
        return run.start([self.binary, "run"], self.env(run))

    def enqueued_at(self, fields):
        return json.loads(fields[fields.index(b"result") + 1])["metadata"]["enq"]


BARE = RustPeer("bare loop", "peer-bare")
ALL = [
    Zoomd(),
    RustPeer("bullmq-official (Rust)", "peer-bullmq"),
    RustPeer("apalis-redis", "peer-apalis", feeds_while_running=True),
    BullNode(),
    Celery(),
]

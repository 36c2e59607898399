"""Child processes: started, measured through /proc, and surely ended."""
import os
import signal
import socket
import subprocess
import time

TICKS = os.sysconf("SC_CLK_TCK")


class Group:
    """The processes of one run; leaving the block kills them with all their children."""

    def __init__(self, log):
        self.log, self.children = open(log, "a"), []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for child in reversed(self.children):
            try:
                os.killpg(child.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            child.wait()
        self.log.close()

    def start(self, argv, env=None, cwd=None):
        child = subprocess.Popen(argv, env={**os.environ, **(env or {})}, cwd=cwd, stdin=subprocess.DEVNULL,
                                 stdout=self.log, stderr=self.log, start_new_session=True)
        self.children.append(child)
        return child


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for(what, condition, limit=30.0):
    end = time.monotonic() + limit
    while time.monotonic() < end:
        try:
            if condition():
                return
        except (OSError, RuntimeError, ConnectionError):
            pass
        time.sleep(0.02)
    raise TimeoutError(f"{what} took longer than {limit} s")


def listening(port):
    socket.create_connection(("127.0.0.1", port), 1).close()
    return True


def family(pid):
    """The process and all below it."""
    found, todo = [], [pid]
    while todo:
        pid = todo.pop()
        found.append(pid)
        try:
            for task in os.listdir(f"/proc/{pid}/task"):
                todo += map(int, open(f"/proc/{pid}/task/{task}/children").read().split())
        except OSError:
            pass
    return found


def peak_rss_mb(pid):
    total = 0
    for member in family(pid):
        try:
            status = open(f"/proc/{member}/status").read()
            total += int(status.split("VmHWM:")[1].split()[0]) if "VmHWM:" in status else 0
        except OSError:
            pass
    return total / 1024


def cpu_s(pid):
    total = 0
    for member in family(pid):
        try:
            fields = open(f"/proc/{member}/stat").read().rsplit(")", 1)[1].split()
            total += int(fields[11]) + int(fields[12])
        except OSError:
            pass
    return total / TICKS

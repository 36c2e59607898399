"""Handles each outcome once, with a consumer group: consume.py GROUP [COUNT]

Start as many as you like: they share the work. What one that died had read is taken over by
another after a minute. COUNT ends it after that many outcomes.
"""

import json
import os
import socket
import sys

from resp import Redis

ns = os.environ.get("ZOOMD_NAMESPACE", "zoomd")
idle_ms = int(os.environ.get("IDLE_MS", "60000"))
group, left = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else -1
me = f"{socket.gethostname()}-{os.getpid()}"
streams = [f"{ns}:results", f"{ns}:failures"]
redis = Redis()

for stream in streams:
    try:
        # From the first entry that is kept; "$" would begin with the next one.
        redis.call("XGROUP", "CREATE", stream, group, "0", "MKSTREAM")
    except RuntimeError as error:
        if "BUSYGROUP" not in str(error):
            raise

# An outcome can come twice: after a failover, or if we die between handling and XACK. In a
# program of your own (entry_id, run) is a unique key of the table that the outcome is written to.
seen = set()


def handle(stream, entry, fields):
    global left
    fields = dict(zip(fields[::2], fields[1::2]))
    outcome = json.loads(fields.get(b"result") or fields[b"failure"])
    key = (outcome["entry_id"], outcome["run"])
    if key not in seen:
        seen.add(key)
        print(outcome["status"], outcome["job_id"], outcome.get("code", ""), flush=True)
        left -= 1
    # Only now: what is not acknowledged is handled again.
    redis.call("XACK", stream, group, entry)


while left != 0:
    for stream in streams:
        _, entries, *_ = redis.call("XAUTOCLAIM", stream, group, me, idle_ms, "0", "COUNT", 100)
        for entry in filter(None, entries):
            handle(stream, entry[0], entry[1] or [])
    read = redis.call("XREADGROUP", "GROUP", group, me, "COUNT", 100, "BLOCK", 1000, "STREAMS", *streams, ">", ">")
    for stream, entries in read or []:
        for entry, fields in entries:
            handle(stream, entry, fields)

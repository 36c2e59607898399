"""Counts outcomes by account, from nothing and then as they come: dashboard.py [--once]

Reads what the streams keep, which is a week, and goes on from there. It needs no consumer group,
for it changes nothing: after a restart it counts again. --once ends it when it has caught up.
"""

import json
import os
import sys
from collections import Counter

from resp import Redis

ns = os.environ.get("ZOOMD_NAMESPACE", "zoomd")
once = "--once" in sys.argv
last = {f"{ns}:results": "0", f"{ns}:failures": "0"}
counts, seen = Counter(), set()
redis = Redis()

while True:
    read = redis.call("XREAD", "COUNT", 1000, *([] if once else ["BLOCK", 1000]), "STREAMS", *last, *last.values())
    for stream, entries in read or []:
        for entry, fields in entries:
            fields = dict(zip(fields[::2], fields[1::2]))
            outcome = json.loads(fields.get(b"result") or fields[b"failure"])
            key = (outcome["entry_id"], outcome["run"])
            if key not in seen:
                seen.add(key)
                counts[outcome["account"], outcome.get("code", "succeeded")] += 1
        last[stream.decode()] = entries[-1][0].decode()
    if not read:
        for (account, what), number in sorted(counts.items()):
            print(account, what, number, flush=True)
        if once:
            break

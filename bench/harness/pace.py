"""Adds zoomd's jobs at a steady rate, one XADD each: what any service would do."""
import json
import os
import time

from harness.resp import Redis
from harness.rows import Zoomd

count, rate = int(os.environ["COUNT"]), float(os.environ.get("RATE", "50"))
redis, start = Redis(int(os.environ["REDIS_URL"].rsplit(":", 1)[1])), time.monotonic()
for i in range(count):
    time.sleep(max(0.0, start + i / rate - time.monotonic()))
    redis("XADD", "zoomd:jobs", "*", "job", json.dumps(Zoomd().job(i, int(os.environ["ACCOUNTS"]))))

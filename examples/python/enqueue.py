"""Enqueues one job and waits for its outcome: enqueue.py ACCOUNT"""

import json
import os
import sys
import uuid
from datetime import datetime, timedelta, timezone

from resp import Redis

ns = os.environ.get("ZOOMD_NAMESPACE", "zoomd")
start = datetime.now(timezone.utc) + timedelta(days=1)
job = {
    "id": f"python-{uuid.uuid4()}",
    "account": sys.argv[1],
    "reply": True,
    "meeting": {"topic": "Hello from Python", "start_time": start.isoformat(), "duration": 30},
}

redis = Redis()
redis.call("XADD", f"{ns}:jobs", "*", "job", json.dumps(job))
reply = f"{ns}:reply:{job['id']}"
outcome = redis.call("BLMOVE", reply, reply, "LEFT", "LEFT", 30)
if outcome is None:
    sys.exit("no outcome yet")

outcome = json.loads(outcome)
if outcome["status"] != "succeeded":
    sys.exit(f"{outcome['code']}: {outcome['message']}")
print(outcome["meeting"]["join_url"])

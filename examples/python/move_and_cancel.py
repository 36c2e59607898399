"""Makes a meeting, moves it and cancels it: move_and_cancel.py ACCOUNT"""

import json
import os
import sys
import uuid
from datetime import datetime, timedelta, timezone

from resp import Redis

ns = os.environ.get("ZOOMD_NAMESPACE", "zoomd")
redis = Redis()


def run(job_id, **fields):
    """Enqueues a job and waits for its outcome."""
    job = {"id": job_id, "account": sys.argv[1], "reply": True, **fields}
    redis.call("XADD", f"{ns}:jobs", "*", "job", json.dumps(job))
    reply = f"{ns}:reply:{job_id}"
    outcome = redis.call("BLMOVE", reply, reply, "LEFT", "LEFT", 30)
    if outcome is None:
        sys.exit("no outcome yet")
    outcome = json.loads(outcome)
    if outcome["status"] != "succeeded":
        sys.exit(f"{outcome['code']}: {outcome['message']}")
    return outcome


start = datetime.now(timezone.utc) + timedelta(days=1)
later = start + timedelta(hours=1)
name = f"python-{uuid.uuid4()}"
meeting = {"topic": "Hello from Python", "start_time": start.isoformat(), "duration": 30}
number = run(name, meeting=meeting)["meeting"]["id"]
change = {"start_time": later.isoformat()}
moved = run(f"{name}-move", kind="update_meeting", meeting_id=number, meeting=change)
print(moved["effect"])
cancelled = run(f"{name}-cancel", kind="delete_meeting", meeting_id=number)
print(cancelled["effect"])

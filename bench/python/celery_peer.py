"""Celery with gevent: `python celery_peer.py` enqueues, `celery -A celery_peer worker` works."""
import os
import time

from celery import Celery

REDIS_URL = os.environ.get("REDIS_URL", "redis://127.0.0.1:6390")
MOCK = os.environ.get("MOCK_URL", "http://127.0.0.1:18080") + "/v2/users/me/meetings"
CONCURRENCY = int(os.environ.get("CONCURRENCY", "256"))
HEADERS = {"content-type": "application/json", "authorization": "Bearer bench"}

app = Celery("zoom", broker=REDIS_URL)
app.conf.update(
    task_ignore_result=True,
    worker_send_task_events=False,
    broker_connection_retry_on_startup=True,
    broker_pool_limit=CONCURRENCY,
)
_clients = {}


def clients():
    if not _clients:
        import redis
        import requests
        from requests.adapters import HTTPAdapter

        session = requests.Session()
        session.trust_env = False
        session.mount("http://", HTTPAdapter(pool_connections=CONCURRENCY, pool_maxsize=CONCURRENCY))
        _clients["http"] = session
        _clients["redis"] = redis.Redis.from_url(REDIS_URL, max_connections=CONCURRENCY + 10)
    return _clients["http"], _clients["redis"]


@app.task(name="create")
def create(job):
    http, store = clients()
    body = {"topic": job["topic"], "type": 2, "start_time": job["start_time"], "duration": job["duration"]}
    reply = http.post(MOCK, json=body, headers=HEADERS)
    assert reply.status_code == 201
    store.xadd("out", {"enq": job["enqueued"], "r": reply.content})


def job(i):
    return {
        "account": f"acct-{i % int(os.environ.get('ACCOUNTS', '10'))}",
        "topic": f"Meeting {i}",
        "start_time": "2030-01-07T10:00:00Z",
        "duration": 30,
        "enqueued": time.time(),
    }


if __name__ == "__main__":
    count, start = int(os.environ.get("COUNT", "1000")), time.monotonic()
    step = 1 / float(os.environ.get("RATE", "50")) if os.environ.get("PACED") == "1" else 0
    with app.producer_or_acquire() as producer:
        for i in range(count):
            time.sleep(max(0, start + i * step - time.monotonic()))
            create.apply_async((job(i),), producer=producer)

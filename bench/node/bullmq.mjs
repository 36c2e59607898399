// BullMQ on Node: `node bullmq.mjs enqueue` and `node bullmq.mjs work`.
import { Queue, Worker } from "bullmq";
import IORedis from "ioredis";
import { Pool } from "undici";

const setting = (name, fallback) => process.env[name] ?? fallback;
const redis = new URL(setting("REDIS_URL", "redis://127.0.0.1:6390"));
const connection = { host: redis.hostname, port: Number(redis.port) };
const count = Number(setting("COUNT", "1000"));
const accounts = Number(setting("ACCOUNTS", "10"));

const job = (i) => ({
  account: `acct-${i % accounts}`,
  topic: `Meeting ${i}`,
  start_time: "2030-01-07T10:00:00Z",
  duration: 30,
  enqueued: (performance.timeOrigin + performance.now()) / 1000,
});

async function enqueue() {
  const queue = new Queue("zoom", { connection, defaultJobOptions: { removeOnComplete: true } });
  await queue.waitUntilReady();
  if (setting("PACED", "0") === "1") {
    const [start, step] = [performance.now(), 1000 / Number(setting("RATE", "50"))];
    for (let i = 0; i < count; i++) {
      const wait = start + i * step - performance.now();
      if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
      await queue.add("create", job(i));
    }
  } else {
    for (let first = 0; first < count; first += 1000) {
      const size = Math.min(1000, count - first);
      await queue.addBulk(Array.from({ length: size }, (_, k) => ({ name: "create", data: job(first + k) })));
    }
  }
  await queue.close();
  process.exit(0);
}

function work() {
  const concurrency = Number(setting("CONCURRENCY", "256"));
  const mock = new URL(setting("MOCK_URL", "http://127.0.0.1:18080"));
  const pool = new Pool(mock.origin, { connections: concurrency, pipelining: 1 });
  const out = new IORedis({ ...connection, enableAutoPipelining: true });
  const headers = { "content-type": "application/json", authorization: "Bearer bench" };
  const handle = async ({ data }) => {
    const { topic, start_time, duration } = data;
    const body = JSON.stringify({ topic, type: 2, start_time, duration });
    const reply = await pool.request({ path: "/v2/users/me/meetings", method: "POST", headers, body });
    if (reply.statusCode !== 201) throw new Error(`status ${reply.statusCode}`);
    await out.xadd("out", "*", "enq", data.enqueued, "r", await reply.body.text());
  };
  new Worker("zoom", handle, { connection, concurrency, removeOnComplete: { count: 0 } });
}

if (process.argv[2] === "enqueue") await enqueue();
else work();

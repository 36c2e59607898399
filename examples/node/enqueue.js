// Enqueues one job and waits for its outcome: enqueue.js ACCOUNT
"use strict";
const { randomUUID } = require("node:crypto");
const { Redis } = require("./resp.js");

async function main() {
  const ns = process.env.ZOOMD_NAMESPACE || "zoomd";
  const job = {
    id: `node-${randomUUID()}`,
    account: process.argv[2],
    reply: true,
    meeting: {
      topic: "Hello from Node",
      start_time: new Date(Date.now() + 24 * 3600 * 1000).toISOString(),
      duration: 30,
    },
  };

  const redis = new Redis();
  await redis.call("XADD", `${ns}:jobs`, "*", "job", JSON.stringify(job));
  const reply = `${ns}:reply:${job.id}`;
  const outcome = JSON.parse(await redis.call("BLMOVE", reply, reply, "LEFT", "LEFT", 30));
  redis.close();

  if (!outcome) throw new Error("no outcome yet");
  if (outcome.status !== "succeeded") throw new Error(`${outcome.code}: ${outcome.message}`);
  console.log(outcome.meeting.join_url);
}

main().catch((error) => {
  console.error(error.message);
  process.exit(1);
});

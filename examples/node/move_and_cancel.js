// Makes a meeting, moves it and cancels it: move_and_cancel.js ACCOUNT
"use strict";
const { randomUUID } = require("node:crypto");
const { Redis } = require("./resp.js");

const ns = process.env.ZOOMD_NAMESPACE || "zoomd";

// Enqueues a job and waits for its outcome.
async function run(redis, id, fields) {
  const job = { id, account: process.argv[2], reply: true, ...fields };
  await redis.call("XADD", `${ns}:jobs`, "*", "job", JSON.stringify(job));
  const reply = `${ns}:reply:${id}`;
  const outcome = JSON.parse(await redis.call("BLMOVE", reply, reply, "LEFT", "LEFT", 30));
  if (!outcome) throw new Error("no outcome yet");
  if (outcome.status !== "succeeded") throw new Error(`${outcome.code}: ${outcome.message}`);
  return outcome;
}

async function main() {
  const day = 24 * 3600 * 1000;
  const time = (ms) => new Date(Date.now() + ms).toISOString();
  const name = `node-${randomUUID()}`;
  const redis = new Redis();
  const meeting = { topic: "Hello from Node", start_time: time(day), duration: 30 };
  const meeting_id = (await run(redis, name, { meeting })).meeting.id;
  const later = { start_time: time(2 * day) };
  const change = { kind: "update_meeting", meeting_id, meeting: later };
  console.log((await run(redis, `${name}-move`, change)).effect);
  const cancel = { kind: "delete_meeting", meeting_id };
  console.log((await run(redis, `${name}-cancel`, cancel)).effect);
  redis.close();
}

main().catch((error) => {
  console.error(error.message);
  process.exit(1);
});

// Handles each outcome once, with a consumer group: consume.js GROUP [COUNT]
//
// Start as many as you like: they share the work. What one that died had read is taken over
// by another after a minute. COUNT ends it after that many outcomes.
"use strict";
const os = require("node:os");
const { Redis } = require("./resp.js");

async function main() {
  const ns = process.env.ZOOMD_NAMESPACE || "zoomd";
  const idle = process.env.IDLE_MS || "60000";
  const group = process.argv[2];
  let left = Number(process.argv[3] || -1);
  const me = `${os.hostname()}-${process.pid}`;
  const streams = [`${ns}:results`, `${ns}:failures`];
  const redis = new Redis();

  for (const stream of streams) {
    // From the first entry that is kept; "$" would begin with the next one.
    await redis.call("XGROUP", "CREATE", stream, group, "0", "MKSTREAM").catch((error) => {
      if (!error.message.includes("BUSYGROUP")) throw error;
    });
  }

  // An outcome can come twice: after a failover, or if we die between handling and XACK. In a
  // program of your own (entry_id, run) is a unique key of the table that it is written to.
  const seen = new Set();
  async function handle(stream, entry, fields) {
    const at = fields.findIndex((name, i) => i % 2 === 0 && (name === "result" || name === "failure"));
    const outcome = JSON.parse(fields[at + 1]);
    const key = `${outcome.entry_id} ${outcome.run}`;
    if (!seen.has(key)) {
      seen.add(key);
      console.log(outcome.status, outcome.job_id, outcome.code || "");
      left -= 1;
    }
    // Only now: what is not acknowledged is handled again.
    await redis.call("XACK", stream, group, entry);
  }

  while (left !== 0) {
    for (const stream of streams) {
      const [, entries] = await redis.call("XAUTOCLAIM", stream, group, me, idle, "0", "COUNT", 100);
      for (const entry of entries) if (entry && entry[1]) await handle(stream, entry[0], entry[1]);
    }
    const read = await redis.call(
      "XREADGROUP", "GROUP", group, me, "COUNT", 100, "BLOCK", 1000, "STREAMS", ...streams, ">", ">");
    for (const [stream, entries] of read || [])
      for (const [entry, fields] of entries) await handle(stream, entry, fields);
  }
  redis.close();
}

main().catch((error) => {
  console.error(error.message);
  process.exit(1);
});

// Counts outcomes by account, from nothing and then as they come: dashboard.js [--once]
//
// Reads what the streams keep, which is a week, and goes on from there. It needs no consumer
// group, for it changes nothing: after a restart it counts again. --once ends it when it has
// caught up.
"use strict";
const { Redis } = require("./resp.js");

async function main() {
  const ns = process.env.ZOOMD_NAMESPACE || "zoomd";
  const once = process.argv.includes("--once");
  const last = new Map([[`${ns}:results`, "0"], [`${ns}:failures`, "0"]]);
  const [counts, seen, redis] = [new Map(), new Set(), new Redis()];

  for (;;) {
    const block = once ? [] : ["BLOCK", 1000];
    const read = await redis.call("XREAD", "COUNT", 1000, ...block, "STREAMS", ...last.keys(), ...last.values());
    for (const [stream, entries] of read || []) {
      for (const [entry, fields] of entries) {
        const at = fields.findIndex((name, i) => i % 2 === 0 && (name === "result" || name === "failure"));
        const outcome = JSON.parse(fields[at + 1]);
        const key = `${outcome.entry_id} ${outcome.run}`;
        if (!seen.has(key)) {
          const cell = `${outcome.account} ${outcome.code || "succeeded"}`;
          counts.set(cell, (counts.get(cell) || 0) + 1);
          seen.add(key);
        }
        last.set(stream, entry);
      }
    }
    if (!read) {
      for (const [cell, number] of [...counts].sort()) console.log(cell, number);
      if (once) break;
    }
  }
  redis.close();
}

main().catch((error) => {
  console.error(error.message);
  process.exit(1);
});

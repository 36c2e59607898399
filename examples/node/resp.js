// Just enough of a Redis client to need no package; use node-redis in earnest.
"use strict";
const net = require("node:net");

class Redis {
  constructor(url = process.env.REDIS_URL || "redis://127.0.0.1:6379") {
    const { hostname, port, username, password } = new URL(url);
    this.socket = net.connect(Number(port) || 6379, hostname);
    this.buffer = Buffer.alloc(0);
    this.waiting = [];
    this.socket.on("data", (data) => this.feed(data));
    this.socket.on("error", (error) => this.waiting.splice(0).forEach(({ reject }) => reject(error)));
    if (password) this.call("AUTH", ...[username, password].filter(Boolean).map(decodeURIComponent));
  }

  call(...words) {
    const parts = words.map((word) => Buffer.from(String(word)));
    const frames = parts.flatMap((part) => [`$${part.length}\r\n`, part, "\r\n"].map((x) => Buffer.from(x)));
    this.socket.write(Buffer.concat([Buffer.from(`*${parts.length}\r\n`), ...frames]));
    return new Promise((resolve, reject) => this.waiting.push({ resolve, reject }));
  }

  close() {
    this.socket.end();
  }

  feed(data) {
    this.buffer = Buffer.concat([this.buffer, data]);
    for (let found = this.read(0); found; found = this.read(0)) {
      this.buffer = this.buffer.subarray(found.end);
      const { resolve, reject } = this.waiting.shift();
      found.value instanceof Error ? reject(found.value) : resolve(found.value);
    }
  }

  // One value at `at` and where it ends; null while it is not there in full.
  read(at) {
    const line = this.buffer.indexOf("\r\n", at);
    if (line < 0) return null;
    const kind = String.fromCharCode(this.buffer[at]);
    const rest = this.buffer.toString("utf8", at + 1, line);
    const end = line + 2;
    if (kind === "-") return { value: new Error(rest), end };
    if (kind === ":") return { value: Number(rest), end };
    if (kind === "+") return { value: rest, end };
    if (rest === "-1") return { value: null, end };
    if (kind === "$") {
      const last = end + Number(rest);
      if (this.buffer.length < last + 2) return null;
      return { value: this.buffer.toString("utf8", end, last), end: last + 2 };
    }
    const items = [];
    for (let i = 0, next = end; ; i++) {
      if (i === Number(rest)) return { value: items, end: next };
      const item = this.read(next);
      if (!item) return null;
      items.push(item.value);
      next = item.end;
    }
  }
}

module.exports = { Redis };

"""Just enough of a Redis client to need no package; use redis-py in earnest."""

import os
import socket
from urllib.parse import unquote, urlparse


class Redis:
    def __init__(self, url=None):
        url = urlparse(url or os.environ.get("REDIS_URL", "redis://127.0.0.1:6379"))
        self.socket = socket.create_connection((url.hostname, url.port or 6379))
        self.reader = self.socket.makefile("rb")
        if url.password:
            self.call("AUTH", *filter(None, [unquote(url.username or ""), unquote(url.password)]))

    def call(self, *words):
        parts = [word if isinstance(word, bytes) else str(word).encode() for word in words]
        frame = b"*%d\r\n" % len(parts)
        frame += b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)
        self.socket.sendall(frame)
        return self.reply()

    def reply(self):
        line = self.reader.readline()[:-2]
        kind, rest = line[:1], line[1:]
        if kind == b"-":
            raise RuntimeError(rest.decode())
        if kind == b":":
            return int(rest)
        if kind == b"$":
            return None if rest == b"-1" else self.reader.read(int(rest) + 2)[:-2]
        if kind == b"*":
            return None if rest == b"-1" else [self.reply() for _ in range(int(rest))]
        return rest

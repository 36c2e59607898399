"""Just enough of Redis' protocol to ask it for numbers; no package needed."""
import socket


class Redis:
    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), 10)
        self.socket.settimeout(60)
        self.file = self.socket.makefile("rb")

    def __call__(self, *words):
        parts = [str(w).encode() if not isinstance(w, bytes) else w for w in words]
        frame = b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(p), p) for p in parts)
        self.socket.sendall(frame)
        return self._read()

    def _read(self):
        line = self.file.readline()
        if not line:
            raise ConnectionError("redis closed the connection")
        kind, rest = line[:1], line[1:-2]
        if kind == b"+":
            return rest.decode()
        if kind == b":":
            return int(rest)
        if kind == b"-":
            raise RuntimeError(rest.decode())
        size = int(rest)
        if size < 0:
            return None
        if kind == b"$":
            return self.file.read(size + 2)[:-2]
        return [self._read() for _ in range(size)]

    def info(self, section):
        """One section of INFO as a dict of strings."""
        lines = self("INFO", section).decode().splitlines()
        return dict(line.split(":", 1) for line in lines if ":" in line)

    def commands(self):
        """How many commands the server has executed, scripts' own calls included."""
        stats = self.info("commandstats")
        own = ("cmdstat_info", "cmdstat_xlen", "cmdstat_config", "cmdstat_ping", "cmdstat_eval")
        calls = {k: int(v.split("calls=")[1].split(",")[0]) for k, v in stats.items()}
        return sum(n for name, n in calls.items() if not name.startswith(own))

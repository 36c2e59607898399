"""The benchmark's parts: processes, Redis, rows, runs, report."""

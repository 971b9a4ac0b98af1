"""Benchmarks: `python -m benchmarks` measures everything in one run and prints one table.

Each measurement is a module with `measure(bench)`; contestants take turns on one PostgreSQL server.
`docs/performance.md` says how each number comes about.
"""

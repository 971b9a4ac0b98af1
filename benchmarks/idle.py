"""What a daemon costs that has nothing to do: a real process, looked at from outside."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import psutil
import psycopg
from psycopg import conninfo

import reactor
from benchmarks.ports import free_port
from benchmarks.table import Line, at_most, line

if TYPE_CHECKING:
    from benchmarks.bench import Bench

WINDOWS = 3
SETTLE_S = 4.0
START_S = 60.0
STOP_S = 40.0
# Read from another database, so that looking is not counted.
TRANSACTIONS = """
SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = %s
"""


def measure(bench: Bench) -> list[Line]:
    """CPU and transactions in three windows one after another, and the memory after each."""
    dsn = bench.farm("idle")
    address = f"127.0.0.1:{free_port()}"
    window_s = bench.choose(10, 3)
    process = start(bench, dsn, address)
    try:
        wait_until_up(process, address)
        time.sleep(SETTLE_S)
        windows = [observe(bench, dsn, process.pid, window_s) for _ in range(WINDOWS)]
    finally:
        process.terminate()
        process.wait(timeout=STOP_S)
    cpu, memory, transactions = (list(values) for values in zip(*windows, strict=True))
    average = sum(cpu) / len(cpu)
    what = f"idle daemon, no renderer, {WINDOWS} × {window_s} s"
    return [
        line(what, "CPU, of one core", cpu, "%", target=at_most(average, 1, "mean %")),
        line(what, "memory (RSS)", memory, "MB", target=at_most(max(memory), 120, "MB")),
        line(what, "transactions", transactions, "a minute"),
    ]


def start(bench: Bench, dsn: str, address: str) -> subprocess.Popen[bytes]:
    """`python -m reactor` on this database, without a renderer."""
    checkout = str(Path(reactor.__file__).parents[1])
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, (checkout, os.environ.get("PYTHONPATH")))),
        "DATABASE_URL": dsn,
        "REACTOR_DATA": str(bench.directory / "idle"),
        "REACTOR_HTTP": address,
        "REACTOR_RENDERER": "none",
        "REACTOR_LOG": "json",
    }
    with (bench.directory / "idle.log").open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "reactor"], env=environment, stdout=log, stderr=log
        )


def wait_until_up(process: subprocess.Popen[bytes], address: str) -> None:
    """Until its page answers; RuntimeError when it ended instead."""
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"the daemon ended with exit code {process.returncode}")
        try:
            if httpx.get(f"http://{address}/health", timeout=5).status_code < 500:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise RuntimeError(f"the daemon did not answer within {START_S:g} s")


def observe(bench: Bench, dsn: str, pid: int, window_s: float) -> tuple[float, float, float]:
    """CPU percent, megabytes and transactions a minute in one window."""
    daemon = psutil.Process(pid)
    family = [daemon, *daemon.children(recursive=True)]
    name = str(conninfo.conninfo_to_dict(dsn)["dbname"])
    with psycopg.connect(bench.server.dsn, autocommit=True) as conn:
        before, busy = transactions(conn, name), sum(map(cpu_s, family))
        began = time.perf_counter()
        time.sleep(window_s)
        took_s = time.perf_counter() - began
        cpu = (sum(map(cpu_s, family)) - busy) / took_s * 100
        per_minute = (transactions(conn, name) - before) / took_s * 60
    return cpu, sum(one.memory_info().rss for one in family) / 1e6, per_minute


def cpu_s(process: psutil.Process) -> float:
    """Seconds of processor time so far."""
    times = process.cpu_times()
    return float(times.user + times.system)


def transactions(conn: psycopg.Connection, name: str) -> int:
    """How many that database has seen; every statement of the daemon is one."""
    row = conn.execute(TRANSACTIONS, (name,)).fetchone()
    assert row is not None
    return int(row[0])

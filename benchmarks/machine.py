"""On what a run was made: numbers without it mean nothing."""

from __future__ import annotations

import os
import platform
from importlib import metadata, util
from pathlib import Path
from typing import Any

import psutil
import psycopg

OBSERVED_S = 2.0


def describe(dsn: str) -> dict[str, Any]:
    """The machine, the versions, the durability, and how busy others keep it."""
    with psycopg.connect(dsn, autocommit=True) as conn:
        settings = conn.execute(
            "SELECT current_setting('server_version'), current_setting('fsync'),"
            " current_setting('synchronous_commit'), current_setting('shared_buffers')"
        ).fetchone()
    assert settings is not None
    version, fsync, synchronous_commit, shared_buffers = settings
    return {
        "cores": os.cpu_count(),
        "processor": processor(),
        "memory_gb": round(psutil.virtual_memory().total / 2**30, 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "postgresql": f"{version}, fsync={fsync}, synchronous_commit={synchronous_commit},"
        f" shared_buffers={shared_buffers}",
        "psycopg": metadata.version("psycopg"),
        "pgqueuer": metadata.version("pgqueuer") if util.find_spec("pgqueuer") else None,
        "asyncpg": metadata.version("asyncpg") if util.find_spec("asyncpg") else None,
        "busy_with_other_work_percent": psutil.cpu_percent(interval=OBSERVED_S),
        "load_average": [round(load, 2) for load in os.getloadavg()],
    }


def processor() -> str:
    """The processor's name, where the system says it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    named = (text.partition(":")[2].strip() for text in lines if text.startswith("model name"))
    return next(named, platform.machine())

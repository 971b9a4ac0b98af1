"""An event-driven render farm that lives in Postgres.

`from reactor import Farm` is the Python client, `SyncFarm` its blocking twin; docs/python.md shows both.
"""

from __future__ import annotations

from importlib import import_module

__version__ = "0.1.0"

# Loaded when first asked for, so that `import reactor` needs neither psycopg nor pydantic; the types
# are in `__init__.pyi`.
HOMES = {
    "Farm": "reactor.farm",
    "SyncFarm": "reactor.farm.blocking",
    "JobRecord": "reactor.records",
    "NewJob": "reactor.records",
}


def __getattr__(name: str) -> object:
    """Load one of the client's names."""
    if name not in HOMES:
        raise AttributeError(f"module 'reactor' has no attribute '{name}'")
    return getattr(import_module(HOMES[name]), name)

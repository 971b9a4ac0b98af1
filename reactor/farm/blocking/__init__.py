"""The Python client without async. All but this file and `primitives` is generated: see `tools/`."""

from __future__ import annotations

from reactor.farm.blocking.client import SyncFarm
from reactor.farm.log import START, Event

__all__ = ["START", "Event", "SyncFarm"]

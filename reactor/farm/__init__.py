"""The Python client: jobs, waiting and the event log over nothing but a connection string.

`blocking` is the same without async, generated from these files by `tools/make_blocking.py`.
"""

from __future__ import annotations

from reactor.farm.client import Farm
from reactor.farm.log import START, Event

__all__ = ["START", "Event", "Farm"]

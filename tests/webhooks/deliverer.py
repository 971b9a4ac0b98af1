"""A process that does nothing but deliver, to be killed: `python -m tests.webhooks.deliverer DSN LEASE_S`."""

from __future__ import annotations

import sys

import anyio

from reactor.db.pool import open_database
from reactor.egress import open_egress
from reactor.loops.deliver import Deliver
from reactor.observe import Observer, open_log
from reactor.settings import load


async def main(dsn: str, lease_s: float) -> None:
    """Deliver until killed."""
    settings = load(egress_allow=("127.0.0.1",))
    observe = Observer(open_log("json"))
    async with open_database(dsn, name="victim") as database, open_egress(settings) as egress:
        await Deliver(settings, database, observe, egress, lease_s=lease_s).run()


if __name__ == "__main__":
    anyio.run(main, sys.argv[1], float(sys.argv[2]))

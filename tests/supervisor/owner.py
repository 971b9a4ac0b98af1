"""A process that supervises a renderer, to be killed: `python -m tests.supervisor.owner`."""

from __future__ import annotations

import os
import sys
from contextlib import aclosing

import anyio
from psycopg_pool import AsyncConnectionPool

from reactor.db.pool import Database
from reactor.loops.supervisor import Supervisor
from reactor.observe import Observer, Seen, open_log
from reactor.renderers.server import RenderServer
from reactor.settings import load


async def main() -> None:
    """Say the renderer's pid once it answers; then go on forever."""
    settings = load()
    observe = Observer(open_log("json"))
    async with aclosing(RenderServer(settings)) as server, anyio.create_task_group() as tg:
        nowhere = Database("", AsyncConnectionPool("", open=False))
        supervisor = Supervisor(settings, nowhere, observe, lambda _: None, server)

        def tell(seen: Seen, _: object) -> None:
            if seen is Seen.RENDERER_UP:
                os.write(sys.stdout.fileno(), b"%d\n" % (supervisor.pid or 0))

        observe.subscribe(tell)
        tg.start_soon(supervisor.run)


if __name__ == "__main__":
    anyio.run(main)

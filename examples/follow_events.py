"""Follow what happens, across restarts: `python examples/follow_events.py DSN CURSOR_FILE [NUMBER]`.

The cursor is written after each event was dealt with: killed at any time, it goes on with the next one.
"""

import asyncio
import sys
from contextlib import aclosing
from pathlib import Path

from reactor import Farm
from reactor.farm import START


def kept(path: Path) -> str:
    return path.read_text() if path.exists() else START


def keep(path: Path, cursor: str) -> None:
    part = path.with_name(path.name + ".part")
    part.write_text(cursor)
    part.rename(path)


async def main(dsn: str, cursor_file: str, number: str = "0") -> None:
    path = Path(cursor_file)
    since = kept(path)
    dealt_with = 0
    async with Farm(dsn) as farm, aclosing(farm.events(since=since)) as events:
        async for event in events:
            print(event.at.isoformat(), event.event, event.job_id, flush=True)
            keep(path, event.cursor)
            dealt_with += 1
            if dealt_with == int(number):
                break


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))

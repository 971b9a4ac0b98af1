"""A watcher on a real directory, files as renderers and people put them there, and what it announces."""

from __future__ import annotations

import io
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from PIL import Image

from reactor.events import Event, OutputSeen
from reactor.loops.settled import Patience
from reactor.loops.watcher import Watcher

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from reactor.db.pool import Database
    from reactor.observe import Observer, Seen
    from reactor.settings import Settings
    from tests.fix_reactor import Table

PATIENCE_S = 60.0
NEVER_S = 3600.0
DEAF: dict[str, Any] = {"poll_files": True, "poll_s": NEVER_S}
QUICK = Patience(sample_s=0.05, samples=3, quiet_s=0.15, broken_s=NEVER_S)


class Eyes:
    """A running watcher and what it has announced so far."""

    def __init__(self) -> None:
        self.seen: list[OutputSeen] = []
        self.at: list[float] = []
        self._more = anyio.Event()

    def send(self, event: Event) -> None:
        """Take an announcement, as the router's stream does."""
        assert isinstance(event, OutputSeen)
        self.seen.append(event)
        self.at.append(anyio.current_time())
        self._more.set()
        self._more = anyio.Event()

    @property
    def names(self) -> list[str]:
        """The files announced, in their order."""
        return [event.path.name for event in self.seen]

    async def until(self, *names: str) -> None:
        """Wait until all of these were announced."""
        with anyio.fail_after(PATIENCE_S):
            while not set(names) <= set(self.names):
                await self._more.wait()

    async def until_count(self, count: int) -> None:
        """Wait until there were so many announcements."""
        with anyio.fail_after(PATIENCE_S):
            while len(self.seen) < count:
                await self._more.wait()


class Farm:
    """A render directory, and watchers on it."""

    def __init__(self, settings: Settings, database: Database, observer: Observer) -> None:
        self.settings = settings.model_copy(update={"scan_s": NEVER_S})
        self.database = database
        self.observer = observer
        self.directory = settings.renders_dir
        self.directory.mkdir()

    def watcher(self, eyes: Eyes, *, patience: Patience = QUICK, **changes: Any) -> Watcher:
        """A watcher that does not run yet; `changes` are settings, and `poll_s`."""
        poll_s = changes.pop("poll_s", 0.05)
        settings = self.settings.model_copy(update=changes)
        database, observer = self.database, self.observer
        return Watcher(settings, database, observer, eyes.send, patience=patience, poll_s=poll_s)

    @asynccontextmanager
    async def watching(self, eyes: Eyes, **options: Any) -> AsyncIterator[Watcher]:
        """Run a watcher within the block."""
        watcher = self.watcher(eyes, **options)
        async with anyio.create_task_group() as tg:
            await tg.start(watcher.run)
            yield watcher
            tg.cancel_scope.cancel()

    def rename_in(self, name: str, content: bytes) -> Path:
        """Write aside and rename, as renderers do."""
        part = self.directory / f"{name}.part"
        part.write_bytes(content)
        return part.rename(self.directory / name)

    def write(self, name: str, content: bytes) -> Path:
        """Write in place, as a copy does."""
        path = self.directory / name
        path.write_bytes(content)
        return path


@pytest.fixture
def farm(settings: Settings, database: Database, observer: Observer) -> Farm:
    """The render directory of this test; full scans happen at start and when nudged."""
    return Farm(settings, database, observer)


@pytest.fixture
def eyes() -> Eyes:
    """What was announced."""
    return Eyes()


@pytest.fixture
def observed(observer: Observer) -> list[tuple[Seen, dict[str, Any]]]:
    """Every observation of this test, in order."""
    said: list[tuple[Seen, dict[str, Any]]] = []
    observer.subscribe(lambda seen, facts: said.append((seen, facts)))
    return said


@pytest.fixture(scope="session")
def still() -> bytes:
    """A whole JPEG."""
    return picture("JPEG")


@pytest.fixture(scope="session")
def gif() -> bytes:
    """A whole GIF."""
    return picture("GIF")


@pytest.fixture(scope="session")
def mp4() -> bytes:
    """The boxes of a whole MP4, with nothing in them to decode."""
    return (
        box(b"ftyp", b"isom\0\0\2\0isomiso2") + box(b"moov", bytes(200)) + box(b"mdat", bytes(5000))
    )


def picture(kind: str) -> bytes:
    """A small picture, encoded."""
    file = io.BytesIO()
    Image.effect_mandelbrot((64, 64), (-2, -1.5, 1, 1.5), 50).save(file, kind)
    return file.getvalue()


def box(kind: bytes, content: bytes) -> bytes:
    """One box of an MP4."""
    return (8 + len(content)).to_bytes(4) + kind + content


async def insert(table: Table, **columns: Any) -> int:
    """A job in any state, as if it had got there."""
    async with table.database.transaction() as conn:
        await conn.execute("SET LOCAL session_replication_role = replica")
        names = ", ".join(columns) or "niche"
        values = ", ".join(f"%({name})s" for name in columns) or "NULL"
        row = await conn.execute(
            f"INSERT INTO actp_gen_jobs ({names}) VALUES ({values}) RETURNING id".encode(), columns
        )
        return int((await row.fetchall())[0][0])


async def orphans(table: Table) -> dict[str, str]:
    """What is written down: file name and reason."""
    rows = await table.rows("SELECT path, reason FROM reactor.orphans")
    return {path.rpartition("/")[2]: reason for path, reason in rows}

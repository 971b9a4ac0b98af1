"""Whole reactors in the test's own event loop, and a renderer that is quick to watch."""

from __future__ import annotations

import shutil
import sys
import tempfile
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from PIL import Image

from reactor.daemon import running
from reactor.db.pool import Database, open_database
from reactor.observe import Observer, Seen, open_log
from reactor.renderers.base import Progress, Rendered
from reactor.settings import Settings, load

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

    from reactor.context import Context
    from reactor.errors import RenderFailed
    from reactor.renderers.base import Order

PATIENCE_S = 60.0
LOOK_S = 0.02


@pytest.fixture
def observer() -> Observer:
    """Observations of this test; pytest shows the log of a failed one."""
    return Observer(open_log("json", sys.stderr))


@asynccontextmanager
async def seeing(observer: Observer, seen: Seen, **facts: Any) -> AsyncIterator[None]:
    """What happens within the block leads to this observation, during it or soon after."""
    happened = anyio.Event()

    def note(what: Seen, said: dict[str, Any]) -> None:
        if what is seen and facts.items() <= said.items():
            happened.set()

    observer.subscribe(note)
    try:
        yield
        with anyio.fail_after(PATIENCE_S):
            await happened.wait()
    finally:
        observer.unsubscribe(note)


@pytest.fixture
def data() -> Iterator[Path]:
    """A data directory that Postgres's own user could enter, too."""
    directory = Path(tempfile.mkdtemp(prefix="reactor-data-"))
    directory.chmod(0o755)
    yield directory
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
def settings(data: Path, dsn: str) -> Settings:
    """Everything quick, no render server, no port.

    Only leases and grace are long: a machine that stands still for seconds must not end what no test does.
    """
    return load(
        data=data,
        database_url=dsn,
        renderer="none",
        http="127.0.0.1:0",
        renderer_url="http://127.0.0.1:1",
        lease_s=60,
        heartbeat_s=0.3,
        sweep_s=0.5,
        scan_s=1,
        retry_base_s=0.2,
        grace_s=60,
        min_free_mb=0,
    )


class Easel:
    """A renderer for tests: draws real stills at once, or as slowly or as wrongly as it is told."""

    draws = True

    def __init__(self, slots: int = 4) -> None:
        self.slots = slots
        self.orders: list[Order] = []
        self.gate = anyio.Event()
        self.gate.set()
        self.waiting = anyio.Event()
        self.cancelled: list[tuple[int, int]] = []
        self.fail: RenderFailed | Exception | None = None
        self.draw: Callable[[Order], None] = draw_still

    async def render(self, order: Order, report: Callable[[Progress], None]) -> Rendered:
        """Wait at the gate, then draw."""
        self.orders.append(order)
        report(Progress(0.5, 1, 2, 1.0))
        self.waiting.set()
        try:
            await self.gate.wait()
        except anyio.get_cancelled_exc_class():
            self.cancelled.append((order.job_id, order.attempt))
            raise
        if self.fail:
            raise self.fail
        self.draw(order)
        return Rendered(order.output_path, "easel 1")


def draw_still(order: Order) -> None:
    """A real JPEG of the ordered size, written aside and renamed."""
    part = order.output_path.with_name(order.output_path.name + ".part")
    Image.new("RGB", order.spec.size, (order.job_id % 256, 80, 120)).save(part, "JPEG")
    part.rename(order.output_path)


@pytest.fixture
def easel() -> Easel:
    """The test renderer; jobs ask for it with renderer `easel`."""
    return Easel()


@pytest.fixture
async def start(
    settings: Settings, observer: Observer, easel: Easel
) -> AsyncIterator[Callable[..., Awaitable[Context]]]:
    """Start a reactor; several on one database when called several times. All stop with the test."""
    async with AsyncExitStack() as stack:

        async def start_one(**changes: Any) -> Context:
            observe = changes.pop("observe", observer)
            renderer = changes.pop("easel", easel)
            changed = settings.model_copy(update=changes)
            return await stack.enter_async_context(
                running(changed, observe=observe, renderers={"easel": renderer}, api=False)
            )

        yield start_one


class Table:
    """What a test asks of the job table, over a connection pool of its own."""

    def __init__(self, database: Database) -> None:
        self.database = database

    async def insert(self, **columns: Any) -> int:
        """One job; by default a still on the easel."""
        row = {
            "renderer": "easel",
            "template_id": "still",
            "format": "thumbnail",
            "quality": "720p",
            "params": "{}",
            **columns,
        }
        names = ", ".join(row)
        values = ", ".join(f"%({name})s" for name in row)
        statement = f"INSERT INTO actp_gen_jobs ({names}) VALUES ({values}) RETURNING id"
        return int((await self.rows(statement, **row))[0][0])

    async def rows(self, statement: str, **values: Any) -> list[tuple[Any, ...]]:
        """Run a statement and read everything."""
        async with self.database.connection() as conn:
            cursor = await conn.execute(statement.encode(), values)
            return await cursor.fetchall() if cursor.description else []

    async def get(self, job_id: int, *columns: str) -> Any:
        """A column's value, or several as a tuple."""
        found = await self.rows(
            f"SELECT {', '.join(columns)} FROM actp_gen_jobs WHERE id = %(id)s", id=job_id
        )
        return found[0][0] if len(columns) == 1 else found[0]

    async def until(self, condition: str, *, patience_s: float = PATIENCE_S, **values: Any) -> None:
        """Wait until the table answers true."""
        statement = f"SELECT {condition}"
        with anyio.fail_after(patience_s):
            while not (await self.rows(statement, **values))[0][0]:
                await anyio.sleep(LOOK_S)

    async def until_status(
        self, job_id: int, status: str, *, patience_s: float = PATIENCE_S
    ) -> None:
        """Wait until the job is in that state."""
        await self.until(
            "status = %(status)s FROM actp_gen_jobs WHERE id = %(id)s",
            patience_s=patience_s,
            id=job_id,
            status=status,
        )


@pytest.fixture
async def table(dsn: str) -> AsyncIterator[Table]:
    """The job table, to write to and to wait for."""
    async with open_database(dsn, name="test table") as opened:
        yield Table(opened)

"""The reactor as a contestant: a whole one, with its listener, its loops and its triggers."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from benchmarks.waiting import until
from reactor.daemon import running, settle_memory
from reactor.observe import Observer, open_log
from reactor.settings import load

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from benchmarks.bench import Bench
    from reactor.context import Context
    from reactor.renderers.base import Renderer


@asynccontextmanager
async def reactor_on(
    bench: Bench,
    dsn: str,
    *,
    renderers: Mapping[str, Renderer] | None = None,
    api: bool = False,
    **settings: Any,
) -> AsyncIterator[Context]:
    """A reactor that works on this database, proven to hear; its HTTP side only where it is asked for."""
    chosen = {"renderer": "none", "min_free_mb": 0, **settings}
    configured = load(data=bench.directory / "data", database_url=dsn, log="json", **chosen)
    with (bench.directory / "reactor.log").open("a", encoding="utf-8") as log:
        observe = Observer(open_log("json", log))
        async with running(configured, observe=observe, renderers=renderers, api=api) as context:
            await until(lambda: context.listener.healthy)
            settle_memory()
            yield context


def completed(context: Context) -> int:
    """How many attempts this reactor has completed."""
    counted = context.observe.metrics.attempts.collect()
    return int(
        sum(
            sample.value
            for metric in counted
            for sample in metric.samples
            if sample.name.endswith("_total") and sample.labels["outcome"] == "complete"
        )
    )

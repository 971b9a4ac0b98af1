"""`/metrics` speaks Prometheus, with the farm's state as of now, whatever the database does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client.parser import text_string_to_metric_families

from reactor.observe import Seen

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

    from reactor.context import Context
    from tests.api.conftest import Farm


async def scrape(client: httpx.AsyncClient) -> dict[tuple[str, ...], float]:
    """Every sample by its name and label values."""
    answer = await client.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain")
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


async def test_jobs_are_counted_by_status(client: httpx.AsyncClient, farm: Farm) -> None:
    await farm.pending(run_after="2000-01-01T00:00:00Z")
    await farm.pending()
    await farm.complete()

    samples = await scrape(client)

    states = ("pending", "processing", "complete", "failed")
    assert [samples["reactor_jobs", state] for state in states] == [2, 0, 1, 0]
    assert samples["reactor_oldest_due_seconds",] > 86_400
    assert samples["reactor_webhook_oldest_pending_seconds",] == 0
    assert samples["reactor_database_up",] == 1


async def test_slots_renderer_and_listener_are_told(
    context: Context, client: httpx.AsyncClient
) -> None:
    context.inflight.reserve("server", 1)
    context.listener.healthy = False

    samples = await scrape(client)

    assert [samples["reactor_slots", state] for state in ("used", "total")] == [1, 2]
    assert (samples["reactor_renderer_up",], samples["reactor_listener_up",]) == (1, 0)


async def test_observations_are_counted(context: Context, client: httpx.AsyncClient) -> None:
    context.observe(Seen.SWEPT)

    samples = await scrape(client)

    assert samples["reactor_observations_total", "sweep.done"] == 1


async def test_without_a_database_there_are_metrics_but_no_old_numbers(
    context: Context, away: Context, ask: Callable[[Context], httpx.AsyncClient]
) -> None:
    async with ask(context) as client:
        await scrape(client)

    async with ask(away) as client:
        samples = await scrape(client)

    assert samples["reactor_database_up",] == 0
    assert not [key for key in samples if key[0] == "reactor_jobs"]
    assert samples["reactor_slots", "total"] == 2

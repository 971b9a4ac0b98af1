"""`/api/projects` and `/api/renders`: the addresses a web front end uses."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from reactor.api.app import create_app
from reactor.db import attempts
from reactor.models import JobId

if TYPE_CHECKING:
    from reactor.context import Context
    from reactor.settings import Settings
    from tests.evidence.conftest import Farm
    from tests.fix_reactor import Table

Client = httpx.AsyncClient


async def order(client: Client, project: str = "spring", **body: Any) -> dict[str, Any]:
    """Order a render that is taken."""
    answer = await client.post(f"/api/projects/{project}/render", json=body)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_a_front_ends_order_becomes_a_job(client: Client, table: Table) -> None:
    found = await order(client, compositionId="MyVideo", format="webm")

    assert found.keys() >= {"renderId", "projectId", "status", "createdAt", "progress"}
    assert (found["projectId"], found["status"], found["progress"]) == ("spring", "pending", 0)
    assert (found["outputUrl"], found["error"], found["completedAt"]) == (None, None, None)
    job = int(found["renderId"])
    columns = ("project_id", "template_id", "format", "container", "quality", "renderer")
    assert await table.get(job, *columns) == (
        "spring",
        "MyVideo",
        "full_16_9",
        "webm",
        "1080p",
        "server",
    )


async def test_nothing_needs_to_be_said(client: Client, table: Table) -> None:
    answer = await client.post("/api/projects/spring/render")

    assert answer.status_code == 201
    job = int(answer.json()["renderId"])
    assert await table.get(job, "template_id", "container") == ("title-card", "mp4")


@pytest.mark.parametrize(
    ("said", "shape", "container"),
    [
        ({"format": "gif"}, "full_16_9", "gif"),
        ({"format": "short_9_16"}, "short_9_16", "mp4"),
        ({"format": "clip_1_1", "container": "webm"}, "clip_1_1", "webm"),
        ({"container": "webm"}, "full_16_9", "webm"),
        ({"format": "mp4", "container": "mp4"}, "full_16_9", "mp4"),
        ({"format": "thumbnail"}, "thumbnail", "mp4"),
    ],
)
async def test_format_is_a_kind_of_file_or_a_shape(
    client: Client, table: Table, said: dict[str, str], shape: str, container: str
) -> None:
    job = int((await order(client, **said))["renderId"])

    assert await table.get(job, "format", "container") == (shape, container)


async def test_everything_else_is_passed_on(client: Client, table: Table) -> None:
    job = int(
        (
            await order(
                client,
                template="slideshow",
                quality="720p",
                props={"title": "Hi"},
                priority=7,
                timeout_s=12.5,
                metadata={"a": 1},
                renderer="easel",
                approved=False,
                cache=False,
            )
        )["renderId"]
    )

    columns = ("template_id", "quality", "params", "priority", "timeout_s", "metadata", "renderer")
    assert await table.get(job, *columns, "approved", "cache") == (
        "slideshow",
        "720p",
        {"title": "Hi"},
        7,
        12.5,
        {"a": 1},
        "easel",
        False,
        False,
    )


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"format": "avi"}, "format"),
        ({"format": "mp4", "container": "gif"}, "container"),
        ({"compositionId": "a", "template": "b"}, "template"),
        ({"compositionId": ""}, "compositionId"),
        ({"compositionId": "a\0b"}, "compositionId"),
        ({"props": [1]}, "props"),
        ({"props": {"a": "\ud800"}}, "props"),
        ({"quality": "8k"}, "quality"),
        ({"priority": 2**31}, "priority"),
        ({"timeout_s": 0}, "timeout_s"),
        ({"timeout_s": -1}, "timeout_s"),
        ({"colour": "red"}, "colour"),
    ],
)
async def test_a_wrong_order_names_its_field_and_leaves_no_job(
    client: Client, table: Table, body: dict[str, Any], field: str
) -> None:
    # In ASCII, since JSON may hold half a character and UTF-8 may not.
    answer = await client.post(
        "/api/projects/spring/render",
        content=json.dumps(body),
        headers={"Content-Type": "application/json"},
    )

    assert answer.status_code == 400
    assert [error["field"].split(".")[0] for error in answer.json()["errors"]] == [field]
    assert await table.rows("SELECT count(*) FROM actp_gen_jobs") == [(0,)]


@pytest.mark.parametrize("project", ["%00", "x" * 201])
async def test_a_project_has_a_name_that_can_be_stored(client: Client, project: str) -> None:
    for path in ("", "/renders"):
        answer = await client.get(f"/api/projects/{project}{path}")
        assert answer.status_code == 400
        assert answer.json()["errors"][0]["field"] == "project_id"


async def test_the_same_key_is_the_same_render(client: Client, table: Table) -> None:
    first = await order(client, idempotency_key="k", compositionId="still")
    again = await client.post(
        "/api/projects/spring/render", json={"idempotency_key": "k", "compositionId": "still"}
    )
    other = await client.post(
        "/api/projects/spring/render", json={"idempotency_key": "k", "compositionId": "film"}
    )

    assert (again.status_code, again.json()["renderId"]) == (200, first["renderId"])
    assert other.status_code == 409
    assert await table.rows("SELECT count(*) FROM actp_gen_jobs") == [(1,)]


async def test_a_project_has_its_limit_of_active_jobs(client: Client) -> None:
    limits = await client.put("/api/projects/spring/limits", json={"max_active": 1})
    await order(client)
    full = await client.post("/api/projects/spring/render", json={})
    await order(client, project="autumn")

    assert limits.json()["max_active"] == 1
    assert full.status_code == 429
    assert "Retry-After" in full.headers
    assert "project spring has 1 active jobs and may have 1" in full.json()["detail"]
    shown = (await client.get("/api/projects/spring")).json()
    assert (shown["max_active"], shown["max_rendering"], shown["pending"]) == (1, None, 1)


async def test_the_farms_limit_holds_for_projects_without_one(
    context: Context, settings: Settings
) -> None:
    few = replace(context, settings=settings.model_copy(update={"project_max_active": 1}))
    transport = httpx.ASGITransport(create_app(few), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        await order(client)
        full = await client.post("/api/projects/spring/render", json={})

    assert full.status_code == 429


@pytest.mark.parametrize("limits", [{"max_active": -1}, {"max_rendering": 2**31}, {"most": 1}])
async def test_wrong_limits_change_nothing(client: Client, limits: dict[str, int]) -> None:
    answer = await client.put("/api/projects/spring/limits", json=limits)

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == next(iter(limits))
    shown = (await client.get("/api/projects/spring")).json()
    assert (shown["max_active"], shown["max_rendering"]) == (None, None)


async def test_renders_are_listed_page_by_page_the_newest_first(client: Client) -> None:
    made = [(await order(client))["renderId"] for _ in range(5)]
    await order(client, project="autumn")

    pages, link = [], "?limit=2"
    while link:
        answer = await client.get(f"/api/projects/spring/renders{link}")
        pages.append([render["renderId"] for render in answer.json()])
        link = answer.links["next"]["url"] if "next" in answer.links else ""

    assert pages == [made[4:2:-1], made[2:0:-1], made[:1]]


@pytest.mark.parametrize("word", ["cancelled", "pending"])
async def test_renders_are_listed_by_state(client: Client, word: str) -> None:
    made = [(await order(client))["renderId"] for _ in range(2)]
    await client.post(f"/api/renders/{made[0]}/cancel")

    found = (await client.get("/api/projects/spring/renders", params={"status": word})).json()

    assert [render["renderId"] for render in found] == [made[0 if word == "cancelled" else 1]]


@pytest.mark.parametrize("words", [("running", "processing")])
async def test_both_words_for_a_state_are_understood(
    client: Client, farm: Farm, words: tuple[str, str]
) -> None:
    job = await farm.rendering(seconds=1, project_id="spring")
    for word in words:
        answer = await client.get("/api/projects/spring/renders", params={"status": word})
        assert [(one["renderId"], one["status"]) for one in answer.json()] == [
            (str(job), "running")
        ]


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=501", "before=0", "before=x", f"before={2**63}", "status=done"]
)
async def test_a_wrong_page_is_refused(client: Client, query: str) -> None:
    answer = await client.get(f"/api/projects/spring/renders?{query}")

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"].startswith(query.partition("=")[0])


async def test_a_render_shows_its_place_and_why_it_waits(client: Client, farm: Farm) -> None:
    await farm.join(renderers=["easel"])
    await order(client, renderer="easel")
    second = await order(client, renderer="easel")

    shown = (await client.get(f"/api/renders/{second['renderId']}")).json()

    assert shown["waiting"] == {
        "place": 1,
        "estimated_start_s": None,
        "reason": "it waits for a slot behind one job",
    }
    assert shown["attempts"] == []
    assert shown["job"]["project_id"] == "spring"


async def test_a_failed_render_shows_what_its_attempt_left(
    client: Client, table: Table, farm: Farm
) -> None:
    job = await farm.rendering(seconds=1, max_attempts=1)
    async with table.database.connection() as conn:
        token = await table.get(job, "claim_token")
        await attempts.fail_attempt(
            conn,
            JobId(job),
            token,
            error_class="crash",
            error_message="Target closed",
            charged=True,
            may_retry=True,
            delay_s=1,
            version="easel 1",
            frame=17,
            log="one\ntwo",
        )

    shown = (await client.get(f"/api/renders/{job}")).json()

    assert (shown["status"], shown["error"], shown["waiting"]) == ("failed", "Target closed", None)
    (attempt,) = shown["attempts"]
    said = ("outcome", "error_class", "error_message", "error_frame", "will_retry", "log_tail")
    assert [attempt[name] for name in said] == [
        "failed",
        "crash",
        "Target closed",
        17,
        False,
        "one\ntwo",
    ]
    assert attempt["renderer_version"] == "easel 1"
    refused = await client.post(f"/api/renders/{job}/retry")
    assert refused.status_code == 409
    again = await client.post(f"/api/renders/{job}/retry", json={"force": True})
    assert again.json()["status"] == "pending"


async def test_commands_say_what_came_of_them(client: Client, table: Table) -> None:
    made = await order(client, approved=False)
    one = f"/api/renders/{made['renderId']}"

    approved = await client.post(f"{one}/approve")
    cancelled = await client.post(f"{one}/cancel", json={"reason": "changed our mind"})
    too_late = await client.post(f"{one}/cancel")

    assert await table.get(int(made["renderId"]), "approved") is True
    assert (approved.status_code, cancelled.json()["error"]) == (200, "changed our mind")
    assert (too_late.status_code, cancelled.json()["status"]) == (409, "cancelled")


@pytest.mark.parametrize("verb", ["", "/cancel", "/retry", "/approve"])
async def test_what_is_not_there_is_404(client: Client, verb: str) -> None:
    answer = await client.request("POST" if verb else "GET", f"/api/renders/4711{verb}")

    assert (answer.status_code, answer.json()["detail"]) == (404, "there is no job 4711")


@pytest.mark.parametrize("name", ["0", "-1", "x", str(2**63), "1.5"])
async def test_a_render_id_is_a_number(client: Client, name: str) -> None:
    answer = await client.get(f"/api/renders/{name}")

    assert answer.status_code == 400


async def test_a_publishing_render_is_too_late_to_cancel(
    client: Client, table: Table, farm: Farm
) -> None:
    job = await farm.rendering(seconds=1)
    for stage in ("rendered", "publishing"):
        await table.rows(
            "UPDATE actp_gen_jobs SET stage = %(stage)s WHERE id = %(job)s", stage=stage, job=job
        )

    answer = await client.post(f"/api/renders/{job}/cancel")

    assert answer.status_code == 409
    assert "too late" in answer.json()["detail"]
    assert await table.get(job, "stage") == "publishing"

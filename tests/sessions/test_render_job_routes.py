"""`/api/render-jobs`: trigger, look, list, retry, cancel, each in its envelope."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from reactor.sessions import create_session_job

if TYPE_CHECKING:
    import httpx
    from psycopg import AsyncConnection

    from tests.fix_reactor import Table
    from tests.sessions.conftest import Psql

JOBS = "/api/render-jobs"
JSON = {"Content-Type": "application/json"}
PROCESSING = """
UPDATE actp_gen_jobs SET status = 'processing', stage = 'claimed', progress = 10, attempt = attempt + 1,
       render_started_at = '2026-01-27 10:00:00Z' WHERE id = %(id)s
"""
RENDERED = """
UPDATE actp_gen_jobs SET stage = 'rendered', progress = 90, render_completed_at = '2026-01-27 10:00:08.4Z'
 WHERE id = %(id)s
"""
COMPLETE = """
UPDATE actp_gen_jobs
   SET status = 'complete', stage = NULL, progress = 100, completed_at = '2026-01-27 10:00:09Z',
       output_path = '/library/a.mp4', thumbnail_path = '/library/a.jpg', file_size_bytes = 9, width = 1280,
       height = 720, fps = 25, sha256 = 'abc', duration_s = 2.5
 WHERE id = %(id)s
"""
FAILED = """
UPDATE actp_gen_jobs SET status = 'failed', stage = NULL, error_class = 'crash', error_message = 'it died',
       retry_count = 3 WHERE id = %(id)s
"""


async def triggered(client: httpx.AsyncClient, **body: Any) -> int:
    """The id of a new job of the session."""
    answer = await client.post(f"{JOBS}/trigger", json={"sessionId": "s1", **body})
    assert answer.status_code == 201, answer.text
    return int(answer.json()["data"]["jobId"])


async def bring(table: Table, job_id: int, *moves: str) -> None:
    """Move a job as a reactor would."""
    for move in moves:
        await table.rows(move, id=job_id)


async def test_a_trigger_makes_a_job(client: httpx.AsyncClient, ready: str, table: Table) -> None:
    answer = await client.post(
        f"{JOBS}/trigger",
        json={
            "sessionId": "s1",
            "format": "short_9_16",
            "quality": "720p",
            "metadata": {"createdBy": "ann"},
            "title": "Hello",
        },
    )

    job_id = answer.json()["data"]["jobId"]
    assert answer.status_code == 201
    assert answer.headers["location"] == f"{JOBS}/{job_id}"
    assert answer.json() == {
        "success": True,
        "data": {
            "jobId": job_id,
            "status": "pending",
            "format": "short_9_16",
            "sessionId": "s1",
        },
    }
    stored = await table.get(job_id, "template_id", "quality", "metadata", "params->>'title'")
    assert stored == ("edl-cut", "720p", {"createdBy": "ann"}, "Hello")


async def test_the_same_key_is_the_same_job(client: httpx.AsyncClient, ready: str) -> None:
    body = {"sessionId": "s1", "idempotencyKey": "order-1"}

    first, again = [await client.post(f"{JOBS}/trigger", json=body) for _ in range(2)]
    other = await client.post(f"{JOBS}/trigger", json={**body, "format": "thumbnail"})

    assert (first.status_code, again.status_code, other.status_code) == (201, 200, 409)
    assert first.json() == again.json()
    assert "which has another format" in other.json()["error"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ("{}", "sessionId"),
        ('{"session_id": "s1"}', "sessionId"),
        ('{"sessionId": "s1", "format": "round"}', "format"),
        ('{"sessionId": "s1", "quality": 1080}', "quality"),
        ('{"sessionId": "s1", "metadata": []}', "metadata"),
        ('{"sessionId": "s1", "metadata": {"a": NaN}}', "metadata"),
        ('{"sessionId": "s1", "idempotencyKey": ""}', "idempotencyKey"),
        ('{"sessionId": "s1", "renderer": "x"}', "renderer"),
        ('{"sessionId": "\\ud800"}', "sessionId"),
        ("", "body"),
        ("{", "body"),
    ],
)
async def test_a_wrong_trigger_is_a_400(client: httpx.AsyncClient, body: str, field: str) -> None:
    answer = await client.post(f"{JOBS}/trigger", content=body, headers=JSON)

    assert answer.status_code == 400
    assert answer.json()["success"] is False
    assert field in [error["field"] for error in answer.json()["errors"]]


async def test_refusals_say_what_is_missing(
    client: httpx.AsyncClient, ready: str, psql: Psql
) -> None:
    await psql.run("UPDATE reactor.edls SET status = 'draft'")
    await psql.run("INSERT INTO reactor.sessions (session_id) VALUES ('bare')")

    answers = {
        session: await client.post(f"{JOBS}/trigger", json={"sessionId": session})
        for session in ("s1", "bare", "other")
    }

    assert {session: answer.status_code for session, answer in answers.items()} == {
        "s1": 409,
        "bare": 409,
        "other": 404,
    }
    for session, words in {
        "s1": "session s1: its EDL is a draft; lock it with POST /api/sessions/s1/edl/lock",
        "bare": "session bare: it has no EDL; write its cuts with PUT /api/sessions/bare/edl",
        "other": "there is no session 'other'; create it with PUT /api/sessions/other",
    }.items():
        body = answers[session].json()
        assert (body["success"], body["error"], body["detail"]) == (False, words, words)
    assert await psql.run("SELECT count(*) FROM actp_gen_jobs") == [(0,)]


async def test_a_job_from_pending_to_complete(
    client: httpx.AsyncClient, ready: str, table: Table
) -> None:
    job_id = await triggered(client, metadata={"n": 1})

    pending = (await client.get(f"{JOBS}/{job_id}")).json()["data"]
    await bring(table, job_id, PROCESSING)
    processing = (await client.get(f"{JOBS}/{job_id}")).json()["data"]
    await bring(table, job_id, RENDERED, COMPLETE)
    complete = (await client.get(f"{JOBS}/{job_id}")).json()["data"]

    assert set(pending) == {
        "jobId",
        "status",
        "statusDescription",
        "stage",
        "progress",
        "sessionId",
        "format",
        "quality",
        "attempts",
        "retryCount",
        "maxAttempts",
        "artifacts",
        "timing",
        "error",
        "metadata",
    }
    told = [
        (job["status"], job["stage"], job["progress"]) for job in (pending, processing, complete)
    ]
    assert told == [("pending", None, 0), ("processing", "claimed", 10), ("complete", None, 100)]
    assert (pending["artifacts"], processing["artifacts"], pending["error"]) == (None, None, None)
    assert pending["metadata"] == {"n": 1}
    assert (pending["attempts"], complete["attempts"], complete["maxAttempts"]) == (0, 1, 3)
    assert pending["statusDescription"] == "Waiting to be rendered"
    assert complete["timing"] == {
        "createdAt": pending["timing"]["createdAt"],
        "renderStartedAt": "2026-01-27T10:00:00Z",
        "renderCompletedAt": "2026-01-27T10:00:08.400000Z",
        "completedAt": "2026-01-27T10:00:09Z",
        "durationMs": 8400,
    }
    assert complete["artifacts"] == {
        "outputPath": "/library/a.mp4",
        "thumbnailPath": "/library/a.jpg",
        "videoUrl": f"/api/videos/{job_id}/data?v=1769508009",
        "thumbnailUrl": f"/api/videos/{job_id}/thumbnail?v=1769508009",
        "fileSizeBytes": 9,
        "durationS": 2.5,
        "width": 1280,
        "height": 720,
        "fps": 25,
        "sha256": "abc",
    }


async def test_where_it_is_stored_is_kept_when_nothing_is_served_here(
    client: httpx.AsyncClient, ready: str, table: Table
) -> None:
    job_id = await triggered(client)
    away = COMPLETE.replace("'/library/a.mp4'", "NULL, video_url = 'https://h.example/a.mp4'")
    await bring(table, job_id, PROCESSING, RENDERED, away)

    artifacts = (await client.get(f"{JOBS}/{job_id}")).json()["data"]["artifacts"]

    assert (artifacts["outputPath"], artifacts["videoUrl"], artifacts["thumbnailUrl"]) == (
        None,
        "https://h.example/a.mp4",
        None,
    )


async def test_a_session_lists_its_jobs_page_by_page(
    client: httpx.AsyncClient, ready: str, table: Table, conn: AsyncConnection
) -> None:
    ids = [(await create_session_job(conn, ready)).job.id for _ in range(5)]
    await table.insert(session_id="another")

    first = (await client.get(f"{JOBS}/session/s1", params={"limit": 3})).json()
    rest = (await client.get(f"{JOBS}/session/s1", params={"before": first["before"]})).json()

    assert first["success"] is True
    assert [job["jobId"] for job in first["data"] + rest["data"]] == ids[::-1]
    assert (len(first["data"]), rest["before"]) == (3, None)
    assert first["data"][0]["sessionId"] == "s1"


async def test_a_session_without_jobs_and_jobs_without_a_session(
    client: httpx.AsyncClient, ready: str, table: Table
) -> None:
    await table.insert(session_id="no row")

    empty = await client.get(f"{JOBS}/session/s1")
    rowless = await client.get(f"{JOBS}/session/no row")
    unknown = await client.get(f"{JOBS}/session/other")

    assert empty.json() == {"success": True, "data": [], "before": None}
    assert len(rowless.json()["data"]) == 1
    assert (unknown.status_code, unknown.json()["success"]) == (404, False)


async def test_a_failed_job_is_retried(client: httpx.AsyncClient, ready: str, table: Table) -> None:
    job_id = await triggered(client)
    await bring(table, job_id, PROCESSING, FAILED)

    failed = (await client.get(f"{JOBS}/{job_id}")).json()["data"]
    used_up = await client.post(f"{JOBS}/{job_id}/retry")
    forced = await client.post(f"{JOBS}/{job_id}/retry", json={"force": True})
    again = await client.post(f"{JOBS}/{job_id}/retry", json={})

    assert failed["error"] == {"class": "crash", "message": "it died"}
    assert (used_up.status_code, forced.status_code, again.status_code) == (409, 200, 409)
    assert "has used its 3 attempts; retry it with force" in used_up.json()["error"]
    assert forced.json() == {"success": True, "data": {"jobId": job_id, "status": "pending"}}
    assert again.json()["error"] == f"job {job_id} is pending; only a failed job can be retried"
    audit = "SELECT verb, given_by, outcome FROM reactor.commands ORDER BY id"
    assert await table.rows(audit) == [
        ("retry", "HTTP (127.0.0.1)", used_up.json()["error"]),
        ("retry", "HTTP (127.0.0.1)", f"job {job_id} is pending again"),
        ("retry", "HTTP (127.0.0.1)", again.json()["error"]),
    ]


async def test_a_job_is_cancelled_with_and_without_a_reason(
    client: httpx.AsyncClient, ready: str, table: Table
) -> None:
    silent, told, complete = [await triggered(client) for _ in range(3)]
    await bring(table, told, PROCESSING)
    await bring(table, complete, PROCESSING, RENDERED, COMPLETE)

    answers = [
        await client.post(f"{JOBS}/{silent}/cancel"),
        await client.post(f"{JOBS}/{told}/cancel", json={"reason": "wrong take"}),
        await client.post(f"{JOBS}/{complete}/cancel"),
        await client.post(f"{JOBS}/{silent}/cancel"),
    ]

    assert [answer.status_code for answer in answers] == [200, 200, 409, 409]
    assert answers[0].json() == {"success": True, "data": {"jobId": silent, "status": "cancelled"}}
    assert answers[2].json()["success"] is False
    reasons = [
        (await client.get(f"{JOBS}/{job}")).json()["data"]["error"]["message"]
        for job in (silent, told)
    ]
    assert reasons == ["cancelled by HTTP (127.0.0.1)", "wrong take"]


@pytest.mark.parametrize(("method", "path"), [("GET", ""), ("POST", "/retry"), ("POST", "/cancel")])
@pytest.mark.parametrize(
    ("job", "status"),
    [("42", 404), (str(2**63 - 1), 404), (str(2**63), 400), ("0", 400), ("x", 404)],
)
async def test_unknown_jobs(
    client: httpx.AsyncClient, method: str, path: str, job: str, status: int
) -> None:
    answer = await client.request(method, f"{JOBS}/{job}{path}")

    assert answer.status_code == status
    assert answer.json()["success"] is False
    if status == 404:
        nothing = f"there is nothing at {JOBS}/x{path}; /docs lists what there is"
        assert answer.json()["error"] == (nothing if job == "x" else f"there is no job {job}")
    else:
        assert answer.json()["errors"][0]["field"] == "job_id"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("retry", '{"force": "perhaps"}'),
        ("retry", '{"force": 1}'),
        ("retry", '{"Force": true}'),
        ("cancel", '{"reason": 7}'),
        ("cancel", '{"reason": "a\\u0000b"}'),
        ("cancel", "[1]"),
    ],
)
async def test_wrong_bodies_of_commands(
    client: httpx.AsyncClient, ready: str, path: str, body: str
) -> None:
    job_id = await triggered(client)

    answer = await client.post(f"{JOBS}/{job_id}/{path}", content=body, headers=JSON)

    assert (answer.status_code, answer.json()["success"]) == (400, False)
    assert (await client.get(f"{JOBS}/{job_id}")).json()["data"]["status"] == "pending"


async def test_a_wrong_method_is_told_the_right_ones(client: httpx.AsyncClient) -> None:
    trigger = await client.get(f"{JOBS}/trigger")
    job = await client.delete(f"{JOBS}/42")

    assert (trigger.status_code, trigger.headers["allow"]) == (405, "POST")
    assert (job.status_code, job.headers["allow"]) == (405, "GET, HEAD")


async def test_the_routes_are_documented(client: httpx.AsyncClient) -> None:
    paths = (await client.get("/openapi.json")).json()["paths"]

    trigger = paths[f"{JOBS}/trigger"]["post"]["responses"]
    assert {"200", "201", "400", "404", "409", "429", "503"} <= set(trigger)
    assert {path for path in paths if path.startswith(JOBS)} == {
        f"{JOBS}/trigger",
        f"{JOBS}/session/{{session_id}}",
        f"{JOBS}/{{job_id}}",
        f"{JOBS}/{{job_id}}/retry",
        f"{JOBS}/{{job_id}}/cancel",
    }
    assert "put" in paths["/api/sessions/{session_id}/edl"]

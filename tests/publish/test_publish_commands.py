"""`bin/reactor publish`: the queue for people, and their word about it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from anyio import to_thread

from tests.acceptance.conftest import command, environment

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

    from tests.publish.conftest import Queue

    Command = Callable[..., subprocess.CompletedProcess[str]]

__all__ = ["command", "environment"]


async def ran(command: Command, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A command, beside the test's own loop."""
    return await to_thread.run_sync(lambda: command("publish", *arguments))


async def test_the_queue_is_shown_and_a_person_decides(command: Command, queue: Queue) -> None:
    first = await queue.complete(params={"title": "Hi\x1b[2J"})
    second = await queue.complete({"duration_s": 900}, platform="x", params={"title": "Long"})

    shown = await ran(command)
    assert shown.stdout.splitlines() == [
        f"job {second}  blocked  x  Long  900.0 s long; x takes at most 140 s",
        f"job {first}  ready  youtube  Hi[2J",
    ]
    [blocked] = json.loads((await ran(command, "--status", "blocked", "--json")).stdout)
    assert (blocked["job_id"], blocked["platform"]) == (second, "x")

    done = await ran(command, "done", str(first), "--url", "https://x.example/1")
    again = await ran(command, "again", str(second))
    twice = await ran(command, "done", str(first))
    none = await ran(command, "again", "404")

    assert (done.stdout, again.stdout) == (
        "publication 1 is published\n",
        "publication 2 is ready\n",
    )
    assert await queue.get(first, "status", "published_url") == ("published", "https://x.example/1")
    assert await queue.get(second, "status") == "ready"
    assert (twice.returncode, twice.stderr) == (1, "reactor: publication 1 is published already\n")
    assert none.returncode == 1
    assert none.stderr.startswith("reactor: job 404 is not in the publish queue")


async def test_an_empty_queue_is_a_sentence(command: Command, queue: Queue) -> None:
    assert (await ran(command)).stdout == "there is no publication\n"
    await queue.complete()
    none = await ran(command, "--platform", "nowhere")
    assert none.stdout == "there is no publication of this kind\n"


@pytest.mark.parametrize("wrong", [("--status", "gone"), ("done", "0"), ("done",)])
async def test_what_cannot_be_is_usage(command: Command, wrong: tuple[str, ...]) -> None:
    assert (await ran(command, *wrong)).returncode == 2

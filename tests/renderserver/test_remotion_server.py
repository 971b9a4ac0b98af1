"""The Remotion server under fire: killed browsers, workers and servers, stalls, cancels, leftovers."""

from __future__ import annotations

import os
import signal
import subprocess
from typing import TYPE_CHECKING

import psutil
import pytest

from tests.renderserver.conformance import LONG
from tests.renderserver.family import browsers, workers
from tests.renderserver.files import content
from tests.renderserver.target import (
    LEASHED,
    LONGEST_WAIT_S,
    PATIENCE_S,
    REMOTION,
    Target,
    observed,
    prepared,
    running_remotion,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

STALL_S = 15


@pytest.fixture(scope="module")
def own(remotion: Target, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """A server of one's own; the shared one has made the bundle."""
    assert remotion.pid
    with running_remotion(tmp_path_factory.mktemp("own"), REACTOR_SLOTS="1") as target:
        yield target


def test_a_killed_browser_is_a_crash_and_the_next_render_works(own: Target) -> None:
    body = own.begun(props=LONG)
    # Far enough for the first frame of every tab to be drawn.
    observed(lambda: own.status(body["id"])["rendered_frames"], lambda frames: frames > 8)
    for browser in browsers(own):
        browser.kill()

    error = own.ended(body["id"])["error"]
    assert error["class"] == "crash"
    assert error["frame"] > 0
    assert own.finished().is_file()


def test_a_killed_worker_is_a_crash_and_the_next_render_works(own: Target) -> None:
    body = own.begun(props=LONG)
    own.drawing(body["id"])
    for worker in workers(own):
        worker.kill()

    error = own.ended(body["id"])["error"]
    assert error["class"] == "crash"
    assert "SIGKILL" in error["message"]
    assert own.finished().is_file()


def test_a_render_that_stands_still_is_a_stall_and_the_next_works(
    remotion: Target, tmp_path: Path
) -> None:
    assert remotion.pid
    # Of its own, for on a slow machine so little patience is not enough for any render.
    with running_remotion(tmp_path, REACTOR_STALL_TIMEOUT_S=str(STALL_S), REACTOR_SLOTS="1") as own:
        [worker] = observed(lambda: workers(own), lambda found: len(found) == 1)
        body = own.begun(props=LONG)
        worker.suspend()

        error = own.ended(body["id"])["error"]
        assert error["class"] == "stall"
        assert f"{STALL_S} s" in error["message"]
        observed(
            lambda: own.ended(own.begun(quality="360p")["id"])["status"],
            lambda status: status == "complete",
        )


def test_a_render_can_be_cancelled_before_its_first_frame(own: Target) -> None:
    body = own.begun(props=LONG)

    assert own.cancel(body["id"])["status"] == "cancelled"
    assert own.finished().is_file()


def test_a_render_leaves_no_temporary_files(own: Target) -> None:
    own.finished()
    cancelled = own.begun(props=LONG)
    own.drawing(cancelled["id"])
    own.cancel(cancelled["id"])

    scratch = own.renders.parent / "remotion" / "tmp"
    # What draws may still write for a moment, into a directory that was removed already.
    observed(lambda: list(scratch.iterdir()), lambda found: not found)
    assert [path for path in own.renders.iterdir() if path.suffix == ".part"] == []


def test_renders_keep_their_browser_and_leave_no_process(own: Target) -> None:
    def crew() -> list[int]:
        return [process.pid for process in [*workers(own), *browsers(own)]]

    own.finished()
    # Those of an earlier test that were killed may still be going.
    before = observed(crew, lambda found: len(found) == 2)
    own.finished(template="slideshow", props={"images": ["red.jpg"], "duration_s": 0.5, "fps": 4})

    observed(crew, lambda found: found == before)


def test_a_worker_knows_no_secret_of_the_environment(
    remotion: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert remotion.pid
    monkeypatch.setenv("DATABASE_URL", "postgresql://somebody:secret@nowhere/x")
    with running_remotion(tmp_path) as target:
        [worker] = observed(lambda: workers(target), lambda found: len(found) == 1)
        assert "DATABASE_URL" not in worker.environ()


def test_a_signal_ends_the_renders_and_all_processes(remotion: Target, tmp_path: Path) -> None:
    assert remotion.pid
    with running_remotion(tmp_path) as target:
        body = target.begun(props=LONG)
        target.drawing(body["id"])
        everybody = target.processes()
        assert target.pid
        os.kill(target.pid, signal.SIGTERM)
        gone, alive = psutil.wait_procs(everybody, timeout=PATIENCE_S)

    assert len(everybody) == len(gone)
    assert alive == []
    assert list(target.renders.iterdir()) == []
    assert list((tmp_path / "remotion" / "tmp").iterdir()) == []


def test_no_process_outlives_a_killed_server(remotion: Target, tmp_path: Path) -> None:
    assert remotion.pid
    with running_remotion(tmp_path) as target:
        target.drawing(target.begun(props=LONG)["id"])
        everybody = target.processes()
        assert target.pid
        os.kill(target.pid, signal.SIGKILL)
        _, alive = psutil.wait_procs(everybody, timeout=PATIENCE_S)
    assert alive == []

    with running_remotion(tmp_path) as again:
        # What the killed one left is swept.
        assert again.finished().is_file()
        scratch = tmp_path / "remotion" / "tmp"
        observed(lambda: list(scratch.iterdir()), lambda found: not found)


def test_a_long_data_directory_leaves_room_for_the_browsers_socket(
    remotion: Target, tmp_path: Path
) -> None:
    assert remotion.pid
    with running_remotion(tmp_path / "far" / ("away" * 20)) as target:
        assert target.finished(quality="360p").is_file()


def test_a_taken_port_is_one_line(own: Target, tmp_path: Path) -> None:
    _, environment = prepared(tmp_path, {"REACTOR_RENDERER_URL": own.url})
    with subprocess.Popen(
        [*LEASHED, "node", str(REMOTION)],
        env=environment,
        cwd=tmp_path,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as leash:
        assert leash.stderr is not None
        # To its end, which is that of all that it started.
        said = leash.stderr.read().splitlines()

    assert leash.returncode == 78
    [line] = [one for one in said if "cannot listen" in one]
    assert line == said[-1]
    assert "REACTOR_RENDERER_URL" in line


@pytest.mark.parametrize(("container", "codec"), [("mp4", "aac"), ("webm", "opus")])
def test_sound_lasts_as_long_as_the_pictures(own: Target, container: str, codec: str) -> None:
    props = {"audio": "tone.wav", "duration_s": 0.8, "fps": 10}
    found = content(
        own.finished(
            template="audio-visualizer", container=container, format="clip_1_1", props=props
        )
    )

    assert codec in {name.removeprefix("lib") for name in found.codecs}
    assert found.seconds == pytest.approx(0.8, abs=0.06)


def test_a_gif_has_no_more_frames_than_a_gif_can_show(own: Target) -> None:
    props = {"duration_s": 0.6, "fps": 30}

    assert content(own.finished(container="gif", format="clip_1_1", props=props)).frames == 9


def test_waiting_ends_with_the_render(own: Target) -> None:
    body = own.begun(props={"duration_s": 0.5, "fps": 4})

    assert own.waited_for(body["id"]) < LONGEST_WAIT_S - 1


@pytest.mark.parametrize("wait", ["x", "nan", ""])
def test_a_wait_that_is_no_time_is_refused(own: Target, wait: str) -> None:
    body = own.begun(props={"duration_s": 0.5, "fps": 4})
    with own.client() as client:
        answer = client.get(f"/status/{body['id']}", params={"wait": wait})
    own.ended(body["id"])

    assert (answer.status_code, answer.json()["error"]["field"]) == (400, "wait")


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"host": "evil.example"}, 421),
        ({"origin": "https://evil.example"}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"content-type": "text/plain"}, 415),
    ],
)
def test_other_peoples_pages_cannot_order(own: Target, headers: dict[str, str], code: int) -> None:
    with own.client() as client:
        said = {"content-type": "application/json", **headers}
        answer = client.post("/render", content=b"{}", headers=said)

    assert answer.status_code == code
    assert answer.json()["error"]["class"] == "input"


def test_a_body_that_is_too_large_is_refused(own: Target) -> None:
    with own.client() as client:
        answer = client.post("/render", json={"props": {"title": "a" * (1 << 20)}})

    assert answer.status_code == 413

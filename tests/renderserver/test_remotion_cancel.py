"""A Remotion render that is cancelled, or loses who draws it, at any moment: no file, no process, no leftovers."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import psutil
import pytest

from tests.renderserver.conformance import LONG
from tests.renderserver.family import browsers, encoders, pages, workers
from tests.renderserver.files import content
from tests.renderserver.target import PATIENCE_S, Target, observed, running_remotion

if TYPE_CHECKING:
    from collections.abc import Iterator

ENDLESS: dict[str, Any] = {"quality": "360p", "props": LONG}
FILM: dict[str, Any] = {"quality": "360p", "props": {"title": "", "duration_s": 2, "fps": 15}}
FRAMES = 30
SHORT: dict[str, Any] = {"quality": "360p", "props": {"duration_s": 0.5, "fps": 4}}
AGES_S = 700


@pytest.fixture(scope="module")
def own(remotion: Target, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """A server of one's own; the shared one has made the bundle."""
    assert remotion.pid
    with running_remotion(tmp_path_factory.mktemp("own"), REACTOR_SLOTS="1") as target:
        yield target


def leftovers(target: Target) -> list[str]:
    """What is there besides finished films: temporary places, halves, and pages that are still open."""
    scratch = target.renders.parent / "remotion" / "tmp"
    halves = [path.name for path in target.renders.iterdir() if path.suffix == ".part"]
    return [
        *(path.name for path in scratch.iterdir()),
        *halves,
        *encoders(target),
        *pages(target),
    ]


def check_nothing_is_left(target: Target) -> None:
    """It may take a moment: encoders and pages end after their render, and write for so long."""
    observed(lambda: leftovers(target), lambda found: not found)


def drawn_but_for_one(target: Target, name: str) -> None:
    """Return when the last frame but one is drawn."""
    observed(
        lambda: target.status(name)["rendered_frames"],
        lambda frames: frames >= FRAMES - 1,
    )


def test_a_render_is_cancelled_while_its_browser_opens(own: Target) -> None:
    for browser in browsers(own):
        browser.kill()
    psutil.wait_procs(workers(own), timeout=PATIENCE_S)
    body = own.begun(**ENDLESS)

    assert own.cancel(body["id"])["status"] == "cancelled"
    assert own.finished(**SHORT).is_file()
    assert not Path(body["output_path"]).exists()
    check_nothing_is_left(own)


def test_a_render_is_cancelled_at_its_first_frames(own: Target) -> None:
    body = own.begun(**ENDLESS)
    own.drawing(body["id"])

    assert own.cancel(body["id"])["status"] == "cancelled"
    check_nothing_is_left(own)
    assert not Path(body["output_path"]).exists()


@pytest.mark.parametrize("container", ["mp4", "webm"])
def test_a_cancelled_render_has_no_file_and_a_complete_one_has_it(
    own: Target, container: str
) -> None:
    # When its frames are drawn, encoded, joined, moved: wherever each of these cancels meets it.
    for late_by_s in (0.0, 0.1, 0.3, 0.6):
        body = own.begun(**FILM, container=container)
        drawn_but_for_one(own, body["id"])
        over = time.monotonic() + late_by_s
        own.status(body["id"], wait_s=max(0.0, over - time.monotonic()))
        last = own.cancel(body["id"])

        path = Path(body["output_path"])
        assert last["status"] in ("cancelled", "complete")
        assert path.exists() is (last["status"] == "complete")
        check_nothing_is_left(own)
        assert own.status(body["id"]) == last
        if last["status"] == "complete":
            assert content(path).frames == FRAMES


def test_a_complete_render_stays_complete_when_cancelled(own: Target) -> None:
    body = own.begun(**SHORT)
    assert own.ended(body["id"])["status"] == "complete"

    assert own.cancel(body["id"])["status"] == "complete"
    assert Path(body["output_path"]).is_file()


def frames_of(film: Path) -> int:
    """How many frames it has; none while its head is not written."""
    try:
        return content(film).frames
    except (av.FFmpegError, IndexError):
        return 0


def drawn_behind_its_back(target: Target) -> dict[str, Any]:
    """An order whose film is whole in the temporary place, while the server stands still and knows nothing of it."""
    assert target.pid
    [worker] = observed(lambda: workers(target), lambda found: len(found) == 1)
    # It must not be done before the server stands still.
    worker.suspend()
    body = target.begun(**FILM)
    observed(lambda: target.status(body["id"])["status"], lambda now: now == "rendering")
    os.kill(target.pid, signal.SIGSTOP)
    worker.resume()
    scratch = target.renders.parent / "remotion" / "tmp"

    def is_whole() -> bool:
        if encoders(target) or pages(target):
            return False
        return [frames_of(film) for film in scratch.glob("*/film.mp4")] == [FRAMES]

    observed(is_whole, bool)
    assert list(target.renders.glob("job-*")) == []
    return body


def test_a_worker_that_dies_after_its_film_is_written_leaves_all_or_nothing(
    remotion: Target, tmp_path: Path
) -> None:
    assert remotion.pid
    with running_remotion(tmp_path, REACTOR_SLOTS="1") as target:
        body = drawn_behind_its_back(target)
        for worker in workers(target):
            worker.kill()
        assert target.pid
        os.kill(target.pid, signal.SIGCONT)

        status = target.ended(body["id"])["status"]
        path = Path(body["output_path"])
        assert path.exists() is (status == "complete")
        assert not path.exists() or content(path).frames == FRAMES
        assert target.finished(**SHORT).is_file()
        check_nothing_is_left(target)


def test_what_a_server_leaves_that_dies_before_it_publishes_is_swept(
    remotion: Target, tmp_path: Path
) -> None:
    assert remotion.pid
    with running_remotion(tmp_path, REACTOR_SLOTS="1") as target:
        body = drawn_behind_its_back(target)
        everybody = target.processes()
        assert target.pid
        os.kill(target.pid, signal.SIGKILL)
        assert psutil.wait_procs(everybody, timeout=PATIENCE_S)[1] == []
    assert list((tmp_path / "remotion" / "tmp").glob("*/film.mp4"))
    old, new = (tmp_path / "renders" / f"job-{name}.mp4.part" for name in ("old", "new"))
    old.touch()
    new.touch()
    os.utime(old, (old.stat().st_mtime - AGES_S,) * 2)

    with running_remotion(tmp_path, REACTOR_SLOTS="1") as again:
        assert list((tmp_path / "remotion" / "tmp").iterdir()) == []
        # Another server may be writing the other.
        assert list(again.renders.iterdir()) == [new]
        # It is drawn again, under the name it was to have.
        assert again.finished(**FILM, output_path=body["output_path"]).is_file()

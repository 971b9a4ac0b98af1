"""The Remotion server on a full disk."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.renderserver.family import workers
from tests.renderserver.target import Target, observed, running_remotion

if TYPE_CHECKING:
    from pathlib import Path

FILM: dict[str, Any] = {"quality": "360p", "props": {"title": "Full", "duration_s": 1, "fps": 15}}


@pytest.mark.parametrize("container", ["webm", "gif"])
def test_a_full_disk_is_a_lack_of_resources_and_the_next_render_works(
    remotion: Target, tmp_path: Path, container: str
) -> None:
    assert remotion.pid
    scratch = tmp_path / "remotion" / "tmp"
    with running_remotion(tmp_path, REACTOR_SLOTS="1") as target:
        [worker] = observed(lambda: workers(target), lambda found: len(found) == 1)
        # It must not open the film before that is a link.
        worker.suspend()
        body = target.begun(**FILM, container=container)
        [place] = observed(lambda: list(scratch.glob("*")), bool)
        # The encoder opens this file when all frames are drawn, and the system says ENOSPC to every write.
        (place / f"film.{container}").symlink_to("/dev/full")
        worker.resume()

        error = target.ended(body["id"])["error"]
        assert error["class"] == "resource"
        assert "No space left on device" in error["message"]
        assert "configuration" not in error["message"]
        assert list(target.renders.iterdir()) == []
        # What draws may still write for a moment.
        observed(lambda: list(scratch.iterdir()), lambda found: not found)

        assert target.finished(**FILM, container=container).is_file()
        assert [path.suffix for path in target.renders.iterdir()] == [f".{container}"]

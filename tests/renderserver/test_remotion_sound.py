"""What Remotion draws is heard when it is seen, as it is with the embedded server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import av
import pytest

from tests.renderserver.clicks import clicks_of, make_film, make_sound

if TYPE_CHECKING:
    from pathlib import Path

    from tests.renderserver.target import Target

CLICKS = (0.25, 0.5, 1.0, 1.5)
SECONDS = 2.0
CLOSE_S = 0.005
ROUNDING_S = 0.002
OPUS_PACKET_S = 0.021


@pytest.fixture(params=["embedded", "remotion"])
def server(request: pytest.FixtureRequest) -> Target:
    """Both, with a sound and a film that click."""
    found: Target = request.getfixturevalue(request.param)
    make_sound(found.assets / "clicks.wav", CLICKS, SECONDS)
    make_film(found.assets / "clicks.mp4", CLICKS, SECONDS)
    return found


@pytest.mark.parametrize("container", ["mp4", "webm"])
# The last is no whole number of AAC's packets.
@pytest.mark.parametrize("seconds", [2.0, 1.7])
def test_clicks_are_heard_in_time(server: Target, container: str, seconds: float) -> None:
    props = {"audio": "clicks.wav", "duration_s": seconds, "fps": 10}
    film = server.finished(
        template="audio-visualizer", container=container, format="clip_1_1", props=props
    )

    assert clicks_of(film) == pytest.approx(CLICKS, abs=CLOSE_S)
    assert lasts(film) == pytest.approx(seconds, abs=end(container))


@pytest.mark.parametrize("container", ["mp4", "webm"])
def test_clicks_of_several_clips_are_heard_in_time(server: Target, container: str) -> None:
    cuts = [(0.4, 0.8), (0.2, 0.4), (0.92, 1.72)]
    props = {"fps": 25, "clips": [{"source": "clicks.mp4", "in_s": a, "out_s": b} for a, b in cuts]}
    film = server.finished(template="edl-cut", container=container, format="clip_1_1", props=props)

    assert clicks_of(film) == pytest.approx([0.1, 0.45, 0.68, 1.18], abs=CLOSE_S)
    assert lasts(film) == pytest.approx(1.4, abs=end(container))


def lasts(path: Path) -> float:
    """The seconds that a player shows."""
    with av.open(str(path)) as file:
        return (file.duration or 0) / av.time_base


def end(container: str) -> float:
    """How much longer a file may be than its pictures: webm ends with a whole packet of sound."""
    return OPUS_PACKET_S if container == "webm" else ROUNDING_S

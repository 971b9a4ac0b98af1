"""Sources that change while the Remotion server runs, and compositions that keep it waiting."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import pytest

from tests.renderserver.target import ROOT, Target, running_remotion

if TYPE_CHECKING:
    from collections.abc import Iterator

LONG_AGO_S = 100_000
SMALL = {"quality": "360p", "format": "clip_1_1"}
SHORT = {"title": "", "duration_s": 0.5, "fps": 4}
LONG = {**SHORT, "duration_s": 600, "fps": 30}
"""Not over before a bundle is made."""
COMPOSITION = """/** A colour; at the third frame of a film with a title it waits so many seconds. */
import {useEffect, useState} from 'react';
import {AbsoluteFill, continueRender, delayRender, useCurrentFrame} from 'remotion';

export function TitleCard({title}: {title: string}) {
  const frame = useCurrentFrame();
  return (
    <AbsoluteFill style={{background: 'COLOUR'}}>
      {title && frame === 2 ? <Slow seconds={Number(title)} /> : null}
    </AbsoluteFill>
  );
}

/** For `MyVideo`. */
export function TitleScene() {
  return null;
}

function Slow({seconds}: {seconds: number}) {
  const [handle] = useState(() => delayRender('waiting for a sign'));
  useEffect(() => {
    const timer = setTimeout(() => continueRender(handle), seconds * 1000);
    return () => clearTimeout(timer);
  }, [handle, seconds]);
  return null;
}
"""
PATIENCE_S = 10
TOO_LONG_S = 13
"""For the first patience, but not for three times as much."""


class Project:
    """A copy of the Remotion project that may be changed, and a server that draws it."""

    def __init__(self, place: Path) -> None:
        self.place = place / "remotion"
        self.build = self.place / "build"
        shutil.copytree(
            ROOT / "remotion",
            self.place,
            ignore=shutil.ignore_patterns("node_modules", "build", "tests"),
        )
        fonts = Path("reactor") / "renderserver" / "fonts"
        shutil.copytree(ROOT / fonts, place / fonts)
        (self.place / "node_modules").symlink_to(ROOT / "remotion" / "node_modules")

    @property
    def program(self) -> Path:
        """What starts the server."""
        return self.place / "server" / "start.mjs"

    def paint(self, colour: str) -> None:
        """Have every title card in that colour from now on."""
        source = self.place / "src" / "compositions" / "TitleCard.tsx"
        source.write_text(COMPOSITION.replace("COLOUR", colour))

    def bundles(self) -> set[str]:
        """The bundles that are kept."""
        return {path.name for path in self.build.glob("bundle-*")}

    def age(self, name: str, seconds: float) -> None:
        """Have a bundle that was used so long ago."""
        path = self.build / name
        path.mkdir(parents=True, exist_ok=True)
        then = path.stat().st_mtime - seconds
        os.utime(path, (then, then))


@pytest.fixture(scope="module")
def project(remotion: Target, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A copy in red."""
    assert remotion.pid
    found = Project(tmp_path_factory.mktemp("project"))
    found.paint("#ff0000")
    return found


@pytest.fixture(scope="module")
def own(project: Project, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """A server of that copy."""
    place = tmp_path_factory.mktemp("own")
    with running_remotion(place, program=project.program, REACTOR_SLOTS="2") as target:
        yield target


def colour(path: Path) -> tuple[int, ...]:
    """The first pixel of a film, red, green and blue, as full or nothing."""
    with av.open(str(path)) as file:
        frame = next(file.decode(video=0)).reformat(format="rgb24")
        return tuple(round(value / 255) for value in bytes(frame.planes[0])[:3])


def order(title: str, **changes: Any) -> dict[str, Any]:
    """A small film of six frames that waits so many seconds."""
    return {**SMALL, "props": {"title": title, "duration_s": 1.5, "fps": 4}, **changes}


def version(target: Target) -> str:
    """What the reactor's cache knows the renderer by."""
    with target.client() as client:
        return str(client.get("/health").json()["version"])


def test_the_next_order_after_a_change_is_drawn_anew_and_old_bundles_go(
    project: Project, own: Target
) -> None:
    before = version(own)
    assert colour(own.finished(**SMALL, props=SHORT)) == (1, 0, 0)
    assert version(own) == before
    [red] = project.bundles()
    for number in range(4):
        project.age(f"bundle-{number:016d}", LONG_AGO_S + number)

    # Begun with the red bundle, and still drawing when three others were used later.
    running = own.begun(**SMALL, props=LONG)
    own.drawing(running["id"])
    others = {"bundle-000000000000000e", "bundle-000000000000000f"}
    for name in others:
        project.age(name, 0)
    project.paint("#00ff00")
    # A film of the old look is not taken over for the new one.
    assert version(own) != before
    assert colour(own.finished(**SMALL, props=SHORT)) == (0, 1, 0)
    kept = project.bundles()
    assert {red, *others} < kept
    assert len(kept) == 4, "the new one, the one in use and two that other servers may be using"
    assert own.status(running["id"])["status"] == "rendering"
    assert own.cancel(running["id"])["status"] == "cancelled"


def test_a_bundle_that_was_cleared_away_is_made_again(project: Project, own: Target) -> None:
    before = own.finished(**SMALL, props=SHORT)
    for name in project.bundles():
        shutil.rmtree(project.build / name)

    assert colour(own.finished(**SMALL, props=SHORT)) == colour(before)
    assert len(project.bundles()) == 1


def test_sources_that_cannot_be_bundled_fail_their_order_alone(
    project: Project, own: Target
) -> None:
    project.paint("#0000ff' + }")
    error = own.ended(own.begun(**SMALL, props=SHORT)["id"])["error"]
    assert error["class"] == "crash"
    assert "TitleCard.tsx" in error["message"]

    project.paint("#0000ff")
    assert colour(own.finished(**SMALL, props=SHORT)) == (0, 0, 1)


def test_a_frame_that_was_waited_for_in_vain_is_waited_for_longer_next_time(
    project: Project, tmp_path: Path
) -> None:
    limits = {"REACTOR_SLOTS": "2", "REACTOR_REMOTION_PATIENCE_S": str(PATIENCE_S)}
    with running_remotion(tmp_path, program=project.program, **limits) as own:
        error = own.ended(own.begun(**order(str(TOO_LONG_S), id="42-1-x"))["id"])["error"]
        assert error["class"] == "stall"
        assert "delayRender" in error["message"]
        assert "waiting for a sign" in error["message"]
        assert error["frame"] == 2

        # Another job's frame is not waited for any longer, at the same time.
        other = own.begun(**order(str(TOO_LONG_S), id="43-1-x"))
        assert own.finished(**order(str(TOO_LONG_S), id="42-2-y")).is_file()
        assert own.ended(other["id"])["error"]["class"] == "stall"


def test_a_render_that_is_cancelled_while_its_bundle_is_made_ends_at_once(
    project: Project, own: Target
) -> None:
    project.paint("#ffffff")
    body = own.begun(**SMALL, props=SHORT)

    assert own.cancel(body["id"])["status"] == "cancelled"
    white = project.bundles()
    assert colour(own.finished(**SMALL, props=SHORT)) == (1, 1, 1)
    assert project.bundles() - white, "the bundle was not there when the render had ended"
    assert not Path(body["output_path"]).exists()

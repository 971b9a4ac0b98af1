"""A render server for the tests: the embedded one, or any other by REACTOR_CONFORMANCE_URL."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from reactor.errors import BadConfiguration
from reactor.renderers.remotion import GET_BROWSER, command_line, find_browser
from reactor.settings import load
from tests.renderserver.cuts import make_clips
from tests.renderserver.target import Target, running, running_remotion

if TYPE_CHECKING:
    from collections.abc import Iterator

SLOTS = 2


@pytest.fixture(scope="session")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """The embedded server, shared by the tests that leave it as it was."""
    with running(tmp_path_factory.mktemp("renderserver"), REACTOR_SLOTS=str(SLOTS)) as target:
        yield target


@pytest.fixture(scope="session")
def remotion(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """The Remotion server, where there is what it needs; `.ci/run` brings all of it."""
    if missing := missing_for_remotion():
        pytest.skip(missing)
    with running_remotion(tmp_path_factory.mktemp("remotion")) as target:
        yield target


def missing_for_remotion() -> str:
    """What is not there of Node, its packages and a browser."""
    try:
        settings = load(renderer="remotion", renderer_url="http://127.0.0.1:3100")
        command_line(settings)
    except BadConfiguration as wrong:
        return str(wrong)
    return "" if find_browser(settings) else f"there is no browser; {GET_BROWSER}"


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The clips of `cuts.make_clips`."""
    place = tmp_path_factory.mktemp("clips")
    make_clips(place)
    return place


@pytest.fixture
def target(request: pytest.FixtureRequest) -> Target:
    """The server that has to keep the contract.

    To test another one, start it and set REACTOR_CONFORMANCE_URL, and REACTOR_CONFORMANCE_RENDERS and
    REACTOR_CONFORMANCE_ASSETS to the directories it writes to and reads from; the assets are those of
    `target.make_media`.
    """
    if url := os.environ.get("REACTOR_CONFORMANCE_URL"):
        places = [os.environ[f"REACTOR_CONFORMANCE_{name}"] for name in ("RENDERS", "ASSETS")]
        return Target(url, Path(places[0]), Path(places[1]))
    found: Target = request.getfixturevalue("embedded")
    return found

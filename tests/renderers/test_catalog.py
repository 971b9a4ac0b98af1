"""Which renderers there are, and what becomes of plug-ins that do not work."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from reactor.errors import BadConfiguration
from reactor.renderers.catalog import build

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from reactor.renderers.server import RenderServer
    from reactor.settings import Settings

    Install = Callable[[str, str], None]

PLUG_IN = """
class Easel:
    draws = True
    slots = 2
    async def render(self, order, report): ...
def easel(settings): return Easel()
def broken(settings): raise RuntimeError("no paint")
def nothing(settings): return object()
"""


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Install a real distribution with one entry point, for this test only."""
    module = f"plug_in_{tmp_path.name}"

    def write(name: str, function: str) -> None:
        (tmp_path / f"{module}.py").write_text(PLUG_IN)
        info = tmp_path / "easels-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: easels\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(
            f"[reactor.renderers]\n{name} = {module}:{function}\n"
        )

    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    return write


async def test_ours_are_always_there(settings: Settings, client: RenderServer) -> None:
    renderers = build(settings, client)

    assert renderers["server"] is client
    assert renderers["dry_run"].draws is False


async def test_a_plug_in_is_there_by_its_name(
    settings: Settings, client: RenderServer, install: Install
) -> None:
    install("easel", "easel")

    assert build(settings, client)["easel"].slots == 2


@pytest.mark.parametrize(
    ("name", "function", "complaint"),
    [
        ("easel", "broken", "'easel' (easels) cannot be used: RuntimeError: no paint"),
        ("easel", "missing", "'easel' (easels) cannot be used: AttributeError"),
        ("easel", "nothing", "'easel' (easels) is no renderer: it lacks draws, slots, render"),
        ("server", "easel", "'server' (easels): the name is taken"),
    ],
)
async def test_a_plug_in_that_cannot_be_used_is_named(
    settings: Settings,
    client: RenderServer,
    install: Install,
    name: str,
    function: str,
    complaint: str,
) -> None:
    install(name, function)

    with pytest.raises(BadConfiguration) as caught:
        build(settings, client)

    assert complaint in str(caught.value)

"""Props that are URLs become files; what cannot be had is said with the prop's name."""

from __future__ import annotations

import os
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from reactor.downloads import Downloads, clear_old, file_name
from reactor.egress import open_egress
from reactor.errors import FailureClass, RenderFailed
from reactor.models import Container, Format, Quality, RenderSpec

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from reactor.settings import Settings
    from tests.downloads.shelf import Shelf


@asynccontextmanager
async def opened(settings: Settings, **changes: Any) -> AsyncIterator[Downloads]:
    """Downloads of a reactor that may reach this machine."""
    changed = settings.model_copy(update={"egress_allow": ("127.0.0.1",), **changes})
    async with open_egress(changed) as egress:
        yield Downloads(changed, egress)


def order(**props: Any) -> RenderSpec:
    """An order with these props."""
    return RenderSpec(
        template="edl-cut",
        format=Format.CLIP_1_1,
        quality=Quality.P720,
        container=Container.MP4,
        props=props,
    )


async def test_urls_become_files_wherever_they_are(settings: Settings, shelf: Shelf) -> None:
    url = f"{shelf.url}/clip.mov"
    asked = order(clips=[{"source": url, "in_s": 1}, {"source": "local.mov"}], audio=url, title=url)

    async with opened(settings) as downloads:
        spec = await downloads.bring_in(asked)

    path = spec.props["audio"]
    assert spec.props == {
        "clips": [{"source": path, "in_s": 1}, {"source": "local.mov"}],
        "audio": path,
        "title": url,
    }
    file = settings.uploads_dir / "fetched" / file_name(url)
    assert path == str(file)
    assert file.suffix == ".mov"
    assert file.read_bytes() == b"material"
    assert shelf.asked == {"/clip.mov": 1}
    assert asked.props["audio"] == url


async def test_many_jobs_at_once_bring_it_in_once(settings: Settings, shelf: Shelf) -> None:
    async with opened(settings) as downloads, anyio.create_task_group() as tg:
        for _ in range(8):
            tg.start_soon(downloads.bring_in, order(audio=f"{shelf.url}/clip.mov"))

    assert shelf.asked == {"/clip.mov": 1}
    assert dict(downloads._locks) == {}


async def test_what_is_old_is_brought_in_again(settings: Settings, shelf: Shelf) -> None:
    async with opened(settings) as downloads:
        spec = await downloads.bring_in(order(audio=f"{shelf.url}/clip.mov"))
        os.utime(spec.props["audio"], (0, time.time() - 7200))
        await downloads.bring_in(order(audio=f"{shelf.url}/clip.mov"))

    assert shelf.asked == {"/clip.mov": 2}


async def test_without_urls_nothing_happens(settings: Settings) -> None:
    asked = order(audio="a.mp3", title="https://example.com", images=["a.png"])

    async with opened(settings) as downloads:
        assert await downloads.bring_in(asked) is asked

    assert not (settings.uploads_dir / "fetched").exists()


@pytest.mark.parametrize(
    ("path", "failure", "said"),
    [
        ("/gone.mov", FailureClass.INPUT, "clips[1].source: "),
        ("/busy", FailureClass.INFRASTRUCTURE, "clips[1].source could not be brought in: "),
        ("/large.mov", FailureClass.INFRASTRUCTURE, "clips[1].source could not be brought in: "),
    ],
)
async def test_what_cannot_be_had_is_said_by_its_place(
    settings: Settings, shelf: Shelf, path: str, failure: FailureClass, said: str
) -> None:
    asked = order(clips=[{"source": "a"}, {"source": f"{shelf.url}{path}"}])

    async with opened(settings, download_mb=1) as downloads:
        with pytest.raises(RenderFailed) as failed:
            await downloads.bring_in(asked)

    assert failed.value.failure is failure
    assert str(failed.value).startswith(said)
    assert list((settings.uploads_dir / "fetched").iterdir()) == []


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:1/x",
        "http://169.254.169.254/latest/meta-data",
        "HTTP://[::1]/x",
        "http://user:secret@93.184.216.34/x",
    ],
)
async def test_private_addresses_are_refused_unless_allowed(settings: Settings, url: str) -> None:
    async with opened(settings, egress_allow=()) as downloads:
        with pytest.raises(RenderFailed) as failed:
            await downloads.bring_in(order(audio=url))

    assert failed.value.failure is FailureClass.INPUT
    assert str(failed.value).startswith("audio: ")
    assert "secret" not in str(failed.value)


def test_old_material_is_cleared(settings: Settings, tmp_path: Path) -> None:
    fetched = tmp_path / "fetched"
    fetched.mkdir()
    for name, age_s in (("old.mov", 90_000), (".half.part", 90_000), ("new.mov", 10)):
        (fetched / name).write_bytes(b"x")
        os.utime(fetched / name, (0, time.time() - age_s))

    assert clear_old(tmp_path, older_than_s=86_400) == 2
    assert [path.name for path in fetched.iterdir()] == ["new.mov"]
    assert clear_old(tmp_path / "nowhere", older_than_s=1) == 0


@pytest.mark.parametrize(
    ("url", "ending"),
    [
        ("https://x.example/a/b.MP4?sig=1.2", ".mp4"),
        ("https://x.example/a.tar.gz", ".gz"),
        ("https://x.example/", ""),
        ("https://x.example/a.verylongending", ""),
        ("https://[broken/a.mp4", ""),
    ],
)
def test_a_name_keeps_only_a_plain_ending(url: str, ending: str) -> None:
    name = file_name(url)

    assert name == name[:32] + ending
    assert len(name[:32]) == 32

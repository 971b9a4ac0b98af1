"""What is taken for a sound: by its content, in a process that may crash."""

from __future__ import annotations

import os
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

import anyio
import av
import pytest
from anyio import to_process

from reactor.media import audio
from reactor.media.audio import probe_audio
from reactor.media.source import Rejected
from tests.batches.sounds import KINDS, sound
from tests.fix_reactor import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@pytest.mark.parametrize("extension", KINDS)
async def test_a_sound_is_known_whatever_it_is_called(tmp_path: Path, extension: str) -> None:
    path = tmp_path / "unnamed.part"
    path.write_bytes(sound(extension))

    assert await probe(path) is None


@pytest.mark.parametrize("extension", KINDS)
async def test_a_head_without_a_body_is_no_sound(tmp_path: Path, extension: str) -> None:
    path = tmp_path / f"head.{extension}"
    path.write_bytes(sound(extension)[:40])

    verdict = await probe(path)

    assert isinstance(verdict, Rejected)
    assert verdict.reason.startswith("is not a sound that can be decoded (allowed: mp3, wav")


async def test_a_silent_film_has_no_sound(tmp_path: Path) -> None:
    path = tmp_path / "film.m4a"
    with av.open(str(path), "w", format="mp4") as film:
        stream = film.add_stream("mpeg4", rate=10)
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p"
        film.mux(stream.encode(av.VideoFrame(64, 64, "yuv420p")))
        film.mux(stream.encode(None))

    verdict = await probe(path)

    assert verdict == Rejected(f"has no sound in it (allowed: {audio.ALLOWED})")


async def test_no_other_file_is_opened_for_one(tmp_path: Path) -> None:
    """A playlist that calls itself a sound would make the decoder read what it names."""
    secret = tmp_path / "secret.mp3"
    secret.write_bytes(sound())
    for text in (f"#EXTM3U\n#EXTINF:1,\n{secret}\n", f"ffconcat version 1.0\nfile {secret}\n"):
        path = tmp_path / "list.mp3"
        path.write_text(text)

        assert isinstance(await probe(path), Rejected)


async def test_a_file_that_crashes_the_decoder_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audio, "judge_audio", crash)

    assert await probe(tmp_path / "a.mp3") == Rejected("crashed the decoder")


async def test_a_sound_does_not_wait_for_what_is_being_verified(tmp_path: Path) -> None:
    path = tmp_path / "a.mp3"
    path.write_bytes(sound())
    async with AsyncExitStack() as stack:
        busy = to_process.current_default_process_limiter()
        for _ in range(int(busy.available_tokens)):
            await stack.enter_async_context(borrowed(busy))

        with anyio.fail_after(PATIENCE_S):
            assert await probe(path) is None


async def test_a_file_that_takes_too_long_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.mp3"
    path.write_bytes(sound())
    monkeypatch.setattr(audio, "PROBE_LIMIT_S", 0)

    assert await probe(path) == Rejected("could not be decoded within 0 s")


@asynccontextmanager
async def borrowed(limiter: anyio.CapacityLimiter) -> AsyncIterator[None]:
    """One token, as if somebody were at work."""
    borrower = object()
    await limiter.acquire_on_behalf_of(borrower)
    try:
        yield
    finally:
        limiter.release_on_behalf_of(borrower)


async def probe(path: Path) -> Rejected | None:
    """Judge a file that nobody waits before."""
    return await probe_audio(path, anyio.CapacityLimiter(1))


def crash(path: Path) -> None:
    """What a decoder does to its process."""
    os.abort()

"""`edl-cut`: which tone is heard, and when."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import av
import pytest

from reactor.renderserver import templates
from tests.renderserver.clips import YELLOW, loudness, make_clip, pitch, waveform
from tests.renderserver.cuts import cut
from tests.renderserver.files import content

if TYPE_CHECKING:
    from pathlib import Path


def test_tones_change_at_the_join_and_last_as_long_as_the_pictures(
    folder: Path, tmp_path: Path
) -> None:
    path = cut(folder, tmp_path / "film.mp4", ("a.mp4", 0.3, 0.9), ("b.mp4", 1.1, 1.5))

    wave = waveform(path)
    assert len(wave) == pytest.approx(48_000, abs=1024)
    assert pitch(wave[2_000:28_000]) == pytest.approx(440, abs=2)
    assert pitch(wave[29_800:46_000]) == pytest.approx(880, abs=3)


def test_sound_is_trimmed_to_the_sample_and_does_not_click(folder: Path) -> None:
    clips = [("a.mp4", 0.3001, 0.9), ("b.mp4", 1.1, 1.5001)]
    listed = [{"source": str(folder / name), "in_s": a, "out_s": b} for name, a, b in clips]
    sound = templates.scene("edl-cut", {"clips": listed}).sound
    assert sound

    wave = list[float]()
    for frame in sound.samples(1.0, "flt"):
        wave += memoryview(bytes(frame.planes[0])[: frame.samples * 8]).cast("f").tolist()[::2]

    assert len(wave) == 48_000
    join = round(0.5999 * 48_000)
    assert loudness(wave[join - 4 : join + 4]) < 0.01
    assert loudness(wave[join - 1_000 : join - 400]) > 0.2
    assert max(abs(a - b) for a, b in pairwise(wave)) < 0.06
    # A steady tone's phase says where in the source a sample was: nothing is late by one.
    rises = [n for n in range(1_000, 20_000) if wave[n - 1] < 0 <= wave[n]]
    period = 48_000 / 440
    phases = [(n + 0.3001 * 48_000) % period for n in rises]
    assert all(min(phase, period - phase) < 2 for phase in phases)


def test_a_clip_without_sound_is_silent(folder: Path, tmp_path: Path) -> None:
    path = cut(folder, tmp_path / "film.mp4", ("mute.mp4", 0, 0.5), ("a.mp4", 0.5, 1.0))

    wave = waveform(path)
    assert loudness(wave[:23_000]) < 0.001
    assert pitch(wave[26_000:47_000]) == pytest.approx(440, abs=2)


def test_a_sound_that_ends_early_is_filled_with_silence(tmp_path: Path) -> None:
    make_clip(
        tmp_path / "short.mkv",
        YELLOW,
        size=(64, 64),
        fps=25,
        frames=4,
        times=[0, 0.2, 0.4, 0.9],
        hertz=440,
    )
    with av.open(str(tmp_path / "short.mkv")) as source:
        assert source.streams.audio

    path = cut(tmp_path, tmp_path / "film.mp4", ("short.mkv", 0.7, 0.94), ("short.mkv", 0, 0.3))

    wave = waveform(path)
    assert loudness(wave[10_200:11_000]) < 0.01
    assert pitch(wave[13_000:24_000]) == pytest.approx(440, abs=3)


def test_without_any_sound_there_is_no_track(folder: Path, tmp_path: Path) -> None:
    path = cut(folder, tmp_path / "film.mp4", ("mute.mp4", 0, 0.2))

    assert content(path).codecs == ("h264",)

"""`edl-cut`: which frame of which clip is seen, and how it fills the picture."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import pytest
from PIL import Image, ImageStat

from reactor.renderserver import templates
from tests.renderserver.clips import CYAN, YELLOW, make_clip, pictures, read
from tests.renderserver.cuts import AT_25, AT_30, cut

if TYPE_CHECKING:
    from pathlib import Path

    from tests.renderserver.target import Target


def numbers(path: Path) -> list[tuple[str, int]]:
    """Which frames of which clips a file shows."""
    return [read(picture) for picture in pictures(path)]


def test_cuts_are_exact_to_the_frame(folder: Path, tmp_path: Path) -> None:
    path = cut(folder, tmp_path / "film.mp4", ("a.mp4", 0.52, 1.04), ("a.mp4", 0.04, 0.2))

    assert numbers(path) == AT_25[13:26] + AT_25[1:5]


def test_a_clip_of_another_rate_keeps_its_pace(folder: Path, tmp_path: Path) -> None:
    path = cut(folder, tmp_path / "film.mp4", ("a.mp4", 0.4, 0.8), ("b.mp4", 1.0, 1.4))

    shown = numbers(path)
    assert shown[:10] == AT_25[10:20]
    # Every frame of 25 in a second shows the one of 30 that is on at that moment.
    assert shown[10:] == [("cyan", 30 + n * 30 // 25) for n in range(10)]


@pytest.mark.parametrize(("fps", "expected"), [(24, 24), (50, 50), (100, 50), (5, 30)])
def test_the_first_films_rate_is_the_cuts(tmp_path: Path, fps: int, expected: int) -> None:
    make_clip(tmp_path / "film.mkv", CYAN, size=(64, 64), fps=fps, frames=8)
    clip = {"source": str(tmp_path / "film.mkv")}

    assert templates.scene("edl-cut", {"clips": [clip]}).fps == expected


def test_fps_may_be_ordered(folder: Path, tmp_path: Path) -> None:
    path = cut(folder, tmp_path / "film.mp4", ("a.mp4", 0, 0.4), fps=50)

    assert numbers(path) == [AT_25[n // 2] for n in range(20)]


def test_times_rounded_to_thousandths_name_the_frame_they_are_meant_for(
    folder: Path, tmp_path: Path
) -> None:
    path = cut(folder, tmp_path / "film.mp4", ("b.mp4", 0.333, 0.667), ("b.mp4", 1.667, 2.0))

    assert numbers(path) == AT_30[10:20] + AT_30[50:60]


def test_a_clip_shorter_than_a_frame_of_a_gif_takes_no_other_clips_time(
    folder: Path, tmp_path: Path
) -> None:
    path = cut(
        folder,
        tmp_path / "film.gif",
        ("a.mp4", 0, 0.2),
        ("b.mp4", 0, 0.04),
        ("a.mp4", 1, 1.24),
        size=(64, 64),
    )

    shown = numbers(path)
    assert len(shown) == 7
    assert shown[-1] == AT_25[29]


def test_a_film_of_uneven_rate_is_shown_by_its_times(tmp_path: Path) -> None:
    times = [0, 0.1, 0.15, 0.5, 0.55, 0.6, 1.0]
    make_clip(
        tmp_path / "vfr.mkv", YELLOW, size=(320, 180), fps=25, frames=7, times=times, hertz=440
    )

    path = cut(tmp_path, tmp_path / "film.mp4", ("vfr.mkv", 0.1, 1.0), fps=20)

    expected = [1, 2, 2, 2, 2, 2, 2, 2, 3, 4, 5, 5, 5, 5, 5, 5, 5, 5]
    assert [number for _, number in numbers(path)] == expected


@pytest.mark.parametrize(
    ("name", "codec", "pixels"),
    [
        ("prores.mov", "prores_ks", "yuv422p10le"),
        ("odd.mkv", "ffv1", "yuv444p"),
        ("old.avi", "mpeg4", "yuv420p"),
        ("air.ts", "libx264", "yuv420p"),
        ("web.webm", "libvpx-vp9", "yuv420p"),
    ],
)
def test_films_of_many_kinds_are_cut(tmp_path: Path, name: str, codec: str, pixels: str) -> None:
    size = (321, 181) if codec == "ffv1" else (320, 180)
    make_clip(tmp_path / name, YELLOW, size=size, fps=25, frames=50, codec=codec, pixels=pixels)

    path = cut(tmp_path, tmp_path / "film.mp4", (name, 1.2, 1.4), (name, 0.2, 0.4))

    assert numbers(path) == AT_25[30:35] + AT_25[5:10]


def test_the_sides_are_cut_off_to_cover(folder: Path, tmp_path: Path) -> None:
    path = cut(folder, tmp_path / "film.jpg", ("a.mp4", 0.2, 0.6), size=(180, 320))

    (picture,) = pictures(path)
    assert picture.size == (180, 320)
    assert read(picture) == AT_25[10]


def test_contained_the_whole_picture_stands_over_a_darker_blur(
    folder: Path, tmp_path: Path
) -> None:
    clip = ("a.mp4", 0.2, 0.6)
    path = cut(folder, tmp_path / "film.jpg", clip, size=(180, 320), fit="contain")

    (picture,) = pictures(path)
    assert read(picture, (0, 110, 180, 210)) == AT_25[10]
    whole = ImageStat.Stat(picture.crop((0, 112, 180, 208))).mean[1]
    above = ImageStat.Stat(picture.crop((0, 0, 180, 40))).mean[1]
    assert 3 < above < 0.6 * whole * 8 / 3


@pytest.mark.parametrize(
    ("degrees", "edge"), [(90, (5, 90)), (180, (160, 175)), (-90, (315, 90)), (0, (160, 5))]
)
def test_a_film_marked_to_be_turned_is_shown_upright(
    tmp_path: Path, degrees: int, edge: tuple[int, int]
) -> None:
    make_clip(tmp_path / "phone.mp4", YELLOW, size=(320, 180), fps=25, frames=2, turned=degrees)

    (picture,) = pictures(cut(tmp_path, tmp_path / "film.jpg", ("phone.mp4", 0, 0.04)))

    # The first bar, on top as recorded, is at another edge after a turn against the clock.
    edges = [(160, 5), (5, 90), (160, 175), (315, 90)]
    pixels = {place: picture.getpixel(place) for place in edges}
    lit = [place for place, pixel in pixels.items() if isinstance(pixel, tuple) and pixel[1] > 100]
    assert lit == [edge]


def test_pixels_that_are_not_square_are_stretched(tmp_path: Path) -> None:
    make_clip(
        tmp_path / "pal.mkv", CYAN, size=(64, 64), fps=25, frames=2, pixel_shape=Fraction(2, 1)
    )

    (picture,) = pictures(
        cut(tmp_path, tmp_path / "film.jpg", ("pal.mkv", 0, 0.04), size=(64, 64), fit="contain")
    )

    assert read(picture, (0, 16, 64, 48)) == AT_30[0]
    shown = [picture.getpixel((32, y)) for y in (12, 18)]
    assert [isinstance(p, tuple) and p[1] > 150 for p in shown] == [False, True]


def test_colours_stay_as_they_are(folder: Path, tmp_path: Path) -> None:
    (picture,) = pictures(cut(folder, tmp_path / "film.jpg", ("a.mp4", 0, 0.04)))

    assert picture.getpixel((160, 10)) == pytest.approx(YELLOW, abs=6)


def test_the_title_stands_at_the_foot_and_goes(folder: Path, tmp_path: Path) -> None:
    clips = [("mute.mp4", 0, 2.0)] * 3
    plain = pictures(cut(folder, tmp_path / "plain.mp4", *clips, fps=5))
    titled = pictures(cut(folder, tmp_path / "titled.mp4", *clips, fps=5, title="Two words"))

    def differs(at_s: float, box: tuple[int, int, int, int]) -> bool:
        index = round(at_s * 5)
        shown = [ImageStat.Stat(film[index].crop(box)).mean for film in (plain, titled)]
        return any(abs(a - b) > 2 for a, b in zip(*shown, strict=True))

    foot, head = (0, 130, 320, 180), (0, 0, 320, 60)
    assert differs(1.6, foot)
    assert not differs(1.6, head)
    assert not differs(5.6, foot)


def test_the_server_takes_a_cut_and_keeps_to_its_directories(
    embedded: Target, folder: Path
) -> None:
    (embedded.assets / "own.mp4").write_bytes((folder / "a.mp4").read_bytes())
    clips = [{"source": "own.mp4", "in_s": 0.4, "out_s": 0.6}]

    path = embedded.finished(template="edl-cut", format="short_9_16", props={"clips": clips})
    outside = [*clips, {"source": str(folder / "a.mp4")}]
    answer = embedded.post(embedded.order(template="edl-cut", props={"clips": outside}))

    assert numbers(path) == AT_25[10:15]
    assert answer.status_code == 400
    assert answer.json()["error"]["field"] == "props.clips[1].source"
    assert "outside the directories for assets" in answer.json()["error"]["message"]


def test_the_still_is_the_middle_of_the_first_clip(embedded: Target, folder: Path) -> None:
    (embedded.assets / "still.mp4").write_bytes((folder / "b.mp4").read_bytes())
    clips = [{"source": "still.mp4", "in_s": 1.0, "out_s": 1.4}, {"source": "still.mp4"}]

    path = embedded.finished(
        template="edl-cut", format="thumbnail", container="jpg", props={"clips": clips}
    )

    (picture,) = pictures(path)
    assert isinstance(picture, Image.Image)
    assert (picture.size, read(picture)) == ((1280, 720), AT_30[36])


def test_a_still_with_a_title_shows_it(folder: Path, tmp_path: Path) -> None:
    clip = ("mute.mp4", 0, 2.0)
    (plain,) = pictures(cut(folder, tmp_path / "plain.jpg", clip))
    (titled,) = pictures(cut(folder, tmp_path / "titled.jpg", clip, title="Two words"))

    foot = (0, 130, 320, 180)
    assert ImageStat.Stat(titled.crop(foot)).mean != ImageStat.Stat(plain.crop(foot)).mean

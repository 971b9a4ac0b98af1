"""`edl-cut`: what is refused, and what is said of files that go bad meanwhile."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import av
import pytest

from reactor.errors import FailureClass, RenderFailed
from reactor.models import Container
from reactor.renderserver import encode, templates
from tests.renderserver.clips import CYAN, YELLOW, make_clip
from tests.renderserver.cuts import SIZE, cut

if TYPE_CHECKING:
    from pathlib import Path


def refusal(*clips: dict[str, Any], **props: Any) -> str:
    """The sentence such clips are refused with."""
    with pytest.raises(RenderFailed) as refused:
        templates.scene("edl-cut", {"clips": list(clips), **props})
    assert refused.value.failure is FailureClass.INPUT
    return str(refused.value)


@pytest.mark.parametrize(
    ("clip", "sentence"),
    [
        ({"out_s": 9.5}, "props.clips[0].out_s: is 9.5, but the source ends at 2 s"),
        ({"in_s": 2.5}, "props.clips[0].in_s: is 2.5, but the source ends at 2 s"),
        ({"in_s": 1.5, "out_s": 1.0}, "props.clips[0].out_s: is 1, less than a frame after in_s"),
        ({"in_s": 1.0, "out_s": 1.01}, "props.clips[0].out_s: is 1.01, less than a frame after"),
        ({"in_s": -1}, "props.clips[0].in_s: is -1 (allowed: seconds from"),
        ({"in_s": float("nan")}, "props.clips[0].in_s: is nan (allowed: seconds from"),
        ({"in_s": True}, "props.clips[0].in_s: is true (allowed: seconds from"),
        ({"out_s": "end"}, "props.clips[0].out_s: is 'end' (allowed: seconds from"),
        ({"source": 7}, "props.clips[0].source: is 7 (allowed: the path of a video)"),
    ],
)
def test_wrong_times_are_refused_by_name(folder: Path, clip: dict[str, Any], sentence: str) -> None:
    assert refusal({"source": str(folder / "a.mp4"), **clip}).startswith(sentence)


def test_the_clips_decide_the_length(folder: Path) -> None:
    clip = {"source": str(folder / "a.mp4"), "in_s": None, "out_s": None}

    assert templates.scene("edl-cut", {"clips": [clip], "duration_s": 2.01}).duration_s == 2.0
    assert refusal(clip, duration_s=5.0).startswith(
        "props.duration_s: is 5, but the clips last 2 s (allowed: 2, or nothing"
    )
    assert refusal(clip, fit="stretch") == "props.fit: is 'stretch' (allowed: contain, cover)"
    assert refusal(*[clip] * 201).startswith("props.clips: is a list of 201 (allowed: a list of 1")


def test_an_hour_is_the_limit(tmp_path: Path) -> None:
    make_clip(tmp_path / "long.mkv", CYAN, size=(64, 64), fps=1, frames=3, times=[0, 1_000, 2_000])
    clip = {"source": str(tmp_path / "long.mkv"), "out_s": 1_900.0}

    assert templates.scene("edl-cut", {"clips": [clip]}).duration_s == 1_900
    assert refusal(clip, clip).startswith(
        "props.clips: last 3800 s together (allowed: at most 3600"
    )


def hostile(folder: Path, place: Path) -> dict[str, Path]:
    """Files that are no films, whatever they are called."""
    files = {name: place / f"{name}.mp4" for name in ("text", "empty", "half", "sound", "pipe")}
    whole = (folder / "a.mp4").read_bytes()
    files["text"].write_text("ffconcat version 1.0\nfile 'a.mp4'\n")
    files["empty"].write_bytes(b"")
    files["half"].write_bytes(whole[: len(whole) // 2])
    os.mkfifo(files["pipe"])
    with av.open(str(folder / "a.mp4")) as source, av.open(str(files["sound"]), "w") as target:
        stream = target.add_stream_from_template(source.streams.audio[0])
        for packet in source.demux(audio=0):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    with av.open(str(place / "none.mp4"), "w", options={"movflags": "empty_moov"}) as target:
        video = target.add_stream("libx264", rate=25)
        video.width = video.height = 64
        video.pix_fmt = "yuv420p"
        target.start_encoding()
    return {**files, "none": place / "none.mp4", "cut off": cut_off(folder, place)}


def cut_off(folder: Path, place: Path) -> Path:
    """A film whose second half is missing although its head says otherwise."""
    path = place / "cut_off.mkv"
    make_clip(path, YELLOW, size=(64, 64), fps=25, frames=120)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return path


@pytest.mark.parametrize("kind", ["text", "empty", "half", "sound", "pipe", "none", "cut off"])
def test_what_is_no_whole_film_is_refused(folder: Path, tmp_path: Path, kind: str) -> None:
    path = hostile(folder, tmp_path)[kind]

    message = refusal({"source": str(folder / "a.mp4")}, {"source": str(path)})

    assert message.startswith(f"props.clips[1].source: '{path}' ")


@pytest.mark.parametrize("change", ["removed", "replaced"])
def test_a_file_that_changes_meanwhile_fails_the_attempt_in_words(
    folder: Path, tmp_path: Path, change: str
) -> None:
    source = tmp_path / "source.mp4"
    source.write_bytes((folder / "a.mp4").read_bytes())
    scene = templates.scene("edl-cut", {"clips": [{"source": str(source)}]})
    source.unlink()
    if change == "replaced":
        source.write_bytes((folder / "b.mp4").read_bytes())

    with pytest.raises(RenderFailed, match="replaced or removed") as failed:
        encode.encode(scene, Container.MP4, SIZE, 25, tmp_path / "film.mp4", lambda _: None)

    assert failed.value.failure is FailureClass.CRASH
    assert str(failed.value).startswith("props.clips[0].source: ")


def test_damage_in_the_middle_is_told_and_not_shown(folder: Path, tmp_path: Path) -> None:
    source = tmp_path / "damaged.mp4"
    data = bytearray((folder / "mute.mp4").read_bytes())
    with av.open(str(folder / "mute.mp4")) as file:
        places = [(p.pos, p.size) for p in file.demux(video=0) if p.pos and p.is_keyframe]
    begin, length = places[2]
    data[begin : begin + length] = bytes(length)
    source.write_bytes(data)

    with pytest.raises(RenderFailed, match=r"props\.clips\[0\]\.source: .* is damaged") as failed:
        cut(tmp_path, tmp_path / "film.mp4", ("damaged.mp4", 0.2, 1.8))

    assert failed.value.failure is FailureClass.INPUT

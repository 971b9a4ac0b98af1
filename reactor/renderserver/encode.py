"""Frames into a file: mp4 (H.264, AAC), webm (VP9, Opus), gif, jpg.

Everything is written to `<name>.part`, flushed to disk and only then given its name, which is never
taken from a file that has it already.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

import av
from av.audio.stream import AudioStream
from av.filter import Graph
from av.video.stream import VideoStream

from reactor.errors import FailureClass, RenderFailed, bad_input
from reactor.models import Container
from reactor.renderserver import sound
from reactor.renderserver.frames import as_picture
from reactor.renderserver.stage import FILTER_THREADS, Scene, Stage, buffer, timed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from av.container.output import OutputContainer
    from av.filter.context import FilterContext
    from av.video.frame import VideoFrame

    from reactor.renderserver.sound import Heard

Report = Callable[[int], None]
GIF_FPS = 15
PALETTE_SAMPLES = 12
BT709 = 1
LIMITED_RANGE = 1
JPEG_QUALITY = 92
KEYFRAME_EVERY_S = 2


@dataclass(frozen=True)
class Recipe:
    """How one container is filled."""

    muxer: str
    video: str
    video_options: dict[str, str]
    audio: str
    audio_bits: int
    muxer_options: dict[str, str]


RECIPES = {
    Container.MP4: Recipe(
        "mp4",
        "libx264",
        # As small and as good as `veryfast`, in half the time: look-ahead pays, the rest does not.
        {
            "preset": "superfast",
            "crf": "19",
            "mbtree": "1",
            "rc-lookahead": "10",
            "bf": "2",
            "b_strategy": "0",
        },
        "aac",
        160_000,
        {"movflags": "+faststart"},
    ),
    Container.WEBM: Recipe(
        "webm",
        "libvpx-vp9",
        {
            "deadline": "realtime",
            "cpu-used": "7",
            "row-mt": "1",
            "tile-columns": "2",
            "crf": "30",
            "b": "0",
        },
        "libopus",
        128_000,
        {},
    ),
}


def total_frames(scene: Scene, container: Container, fps: int) -> int:
    """How many frames the file will have."""
    if container is Container.JPG:
        return 1
    return max(1, round(scene.duration_s * rate(container, fps)))


def rate(container: Container, fps: int) -> int:
    """Frames per second in the file; gif counts in hundredths and has no use for more."""
    return min(fps, GIF_FPS) if container is Container.GIF else fps


def encode(
    scene: Scene,
    container: Container,
    size: tuple[int, int],
    fps: int,
    target: Path,
    report: Report,
) -> None:
    """Write the scene to target, as a whole or not at all."""
    stage = Stage(*size, rate(container, fps), total_frames(scene, container, fps))
    part = target.with_name(target.name + ".part")
    part.unlink(missing_ok=True)
    match container:
        case Container.MP4 | Container.WEBM:
            write_film(scene, stage, RECIPES[container], part, report)
        case Container.GIF:
            write_gif(scene, stage, part, report)
        case Container.JPG:
            write_still(scene, stage, part, report)
    publish(part, target)


def write_film(scene: Scene, stage: Stage, recipe: Recipe, part: Path, report: Report) -> None:
    """Video and, when the scene has one, its sound, interleaved."""
    with av.open(f"file:{part}", "w", format=recipe.muxer, options=recipe.muxer_options) as file:
        video = video_stream(file, stage, recipe)
        audio = SoundTrack(file, scene.sound, stage, recipe) if scene.sound else None
        for index, frame in enumerate(counted(scene.frames(stage), stage)):
            file.mux(video.encode(timed(frame, stage, index)))
            if audio:
                audio.advance_to((index + 1) / stage.fps)
            report(index + 1)
        file.mux(video.encode(None))
        if audio:
            audio.finish()


def video_stream(file: OutputContainer, stage: Stage, recipe: Recipe) -> VideoStream:
    """The encoder, with colours said to be what they are."""
    options = {**recipe.video_options, "g": str(KEYFRAME_EVERY_S * stage.fps)}
    stream = file.add_stream(recipe.video, rate=stage.fps, options=options)
    if not isinstance(stream, VideoStream):
        raise TypeError(recipe.video)
    stream.width, stream.height, stream.pix_fmt = stage.width, stage.height, "yuv420p"
    context = stream.codec_context
    context.time_base = stage.time_base
    context.thread_count = os.cpu_count() or 1
    context.color_primaries = context.color_trc = context.colorspace = BT709
    context.color_range = LIMITED_RANGE
    return stream


def audio_stream(file: OutputContainer, recipe: Recipe) -> AudioStream:
    """The sound's encoder."""
    stream = file.add_stream(recipe.audio, rate=sound.RATE, layout="stereo")
    if not isinstance(stream, AudioStream):
        raise TypeError(recipe.audio)
    stream.bit_rate = recipe.audio_bits
    return stream


class SoundTrack:
    """The sound, encoded as far as the pictures are."""

    def __init__(self, file: OutputContainer, source: Heard, stage: Stage, recipe: Recipe) -> None:
        self.file = file
        self.stream = audio_stream(file, recipe)
        pixels = self.stream.codec_context.format.name
        self.samples = source.samples(stage.frames / stage.fps, pixels)
        self.reached_s = 0.0

    def advance_to(self, seconds: float) -> None:
        """Encode what is heard until then."""
        while self.reached_s < seconds:
            frame = next(self.samples, None)
            if frame is None:
                return
            self.file.mux(self.stream.encode(frame))
            self.reached_s += frame.samples / sound.RATE

    def finish(self) -> None:
        """Encode the rest."""
        self.advance_to(float("inf"))
        self.file.mux(self.stream.encode(None))


def counted(frames: Iterator[VideoFrame], stage: Stage) -> Iterator[VideoFrame]:
    """Exactly the stage's frames; a scene that has fewer is our own mistake."""
    number = 0
    for frame in islice(frames, stage.frames):
        number += 1
        yield frame
    if number != stage.frames:
        raise RenderFailed(
            FailureClass.CRASH, f"the template drew {number} of {stage.frames} frames"
        )


def write_gif(scene: Scene, stage: Stage, part: Path, report: Report) -> None:
    """One palette for the whole clip, found on a small copy of it first."""
    palette = best_palette(scene, stage)
    graph = Graph()
    graph.threads = FILTER_THREADS
    entry = buffer(graph, stage, stage.width, stage.height, "yuv420p")
    colors = buffer(graph, stage, palette.width, palette.height, "bgra")
    reduced = graph.add("paletteuse", dither="bayer", bayer_scale="3", diff_mode="rectangle")
    as_rgb(graph, entry).link_to(reduced, 0, 0)
    colors.link_to(reduced, 0, 1)
    reduced.link_to(graph.add("buffersink"))
    graph.configure()
    colors.push(timed(palette, stage, 0))
    colors.push(None)
    with av.open(f"file:{part}", "w", format="gif") as file:
        stream = file.add_stream("gif", rate=stage.fps)
        stream.width, stream.height, stream.pix_fmt = stage.width, stage.height, "pal8"
        stream.codec_context.time_base = stage.time_base
        for index, frame in enumerate(counted(scene.frames(stage), stage)):
            entry.push(timed(frame, stage, index))
            file.mux(stream.encode(timed(graph.vpull(), stage, index)))
            report(index + 1)
        file.mux(stream.encode(None))


def best_palette(scene: Scene, stage: Stage) -> VideoFrame:
    """The 255 colours that suit the clip best, from a dozen frames at half the size."""
    seconds = stage.frames / stage.fps
    fps = max(1, min(stage.fps, round(PALETTE_SAMPLES / seconds)))
    small = Stage(even(stage.width / 2), even(stage.height / 2), fps, max(1, round(seconds * fps)))
    graph = Graph()
    entry = buffer(graph, small, small.width, small.height, "yuv420p")
    graph.link_nodes(
        as_rgb(graph, entry), graph.add("palettegen", stats_mode="full"), graph.add("buffersink")
    ).configure()
    for index, frame in enumerate(counted(scene.frames(small), small)):
        entry.push(timed(frame, small, index))
    entry.push(None)
    return graph.vpull()


def as_rgb(graph: Graph, entry: FilterContext) -> FilterContext:
    """The frames of a node as the screen shows them; left to itself FFmpeg takes them for BT.601."""
    told = graph.add("scale", in_color_matrix="bt709", in_range="tv")
    shown = graph.add("format", "bgra")
    graph.link_nodes(entry, told, shown)
    return shown


def even(length: float) -> int:
    """The nearest even number of pixels."""
    return round(length / 2) * 2


def write_still(scene: Scene, stage: Stage, part: Path, report: Report) -> None:
    """The frame that represents the scene."""
    first = round(scene.still_s * stage.fps)
    moment = Stage(stage.width, stage.height, stage.fps, 1, first=first)
    frame = next(scene.frames(moment))
    picture = as_picture(frame.reformat(format="rgb24", src_colorspace="ITU709"), "RGB")
    picture.save(part, "JPEG", quality=JPEG_QUALITY, subsampling=0, optimize=True)
    report(1)


def publish(part: Path, target: Path) -> None:
    """Give the finished file its name, safely on disk, without ever replacing another."""
    flush(part)
    try:
        os.link(part, target)
    except FileExistsError:
        raise bad_input("output_path", f"'{target}' exists already") from None
    except OSError as wrong:
        if wrong.errno not in (errno.EPERM, errno.ENOTSUP, errno.EMLINK, errno.ENOSYS):
            raise
        part.rename(target)
    part.unlink(missing_ok=True)
    flush(target.parent)


def flush(path: Path) -> None:
    """Make a file or a directory survive a power cut."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

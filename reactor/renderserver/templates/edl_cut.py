"""`edl-cut`: clips cut from films and joined, with their sound, and a title in the first seconds."""

from __future__ import annotations

from fractions import Fraction
from itertools import accumulate, islice
from math import ceil
from typing import TYPE_CHECKING

from reactor.errors import bad_input
from reactor.renderserver import films, footage
from reactor.renderserver.framing import Framing
from reactor.renderserver.joined import Cut, JoinedSound
from reactor.renderserver.props import LONGEST_CUT_S
from reactor.renderserver.stage import Layer, Stage, compose
from reactor.renderserver.templates.slideshow import caption

if TYPE_CHECKING:
    from collections.abc import Iterator

    from av.video.frame import VideoFrame

    from reactor.renderserver.films import Film
    from reactor.renderserver.props import Clip, EdlCutProps

TITLE_ENTERS_S = 0.3
TITLE_EASES_S = 0.5
TITLE_LEAVES_S = 5.0
TITLE_STILL_S = 1.5
TITLE_SIZE = 6.0


class EdlCut:
    """A cut list, filled in."""

    def __init__(self, props: EdlCutProps) -> None:
        self.props = props
        known: dict[str, Film] = {}
        for index, clip in enumerate(props.clips):
            if clip.source not in known:
                known[clip.source] = films.opened(f"props.clips[{index}].source", clip.source)
        self.fps = props.fps or known[props.clips[0].source].fps
        self.cuts = [
            cut(f"props.clips[{index}]", clip, known[clip.source], self.fps)
            for index, clip in enumerate(props.clips)
        ]
        self.ends = list(accumulate(cut.length_s for cut in self.cuts))
        self.duration_s = float(self.ends[-1])
        self.check_length()
        self.titled = bool(props.title.strip() or props.subtitle.strip())
        # In a short film the title comes and goes quicker.
        self.hurry = min(1.0, self.duration_s / 3)
        middle_s = float(self.cuts[0].length_s / 2)
        stands_s = (TITLE_ENTERS_S + TITLE_EASES_S) * self.hurry
        self.still_s = max(min(middle_s, TITLE_STILL_S), stands_s) if self.titled else middle_s
        heard = any(film.has_sound for film in known.values())
        self.sound = JoinedSound(tuple(self.cuts)) if heard else None

    def check_length(self) -> None:
        """RenderFailed(input) when it is too long, or not as long as somebody counts on."""
        whole = f"{self.duration_s:.3f}".rstrip("0").rstrip(".")
        if self.duration_s > LONGEST_CUT_S:
            limit = f"at most {LONGEST_CUT_S} s in all"
            raise bad_input("props.clips", f"last {whole} s together", allowed=limit)
        ordered = self.props.duration_s
        if ordered is not None and not abs(ordered - self.duration_s) <= 0.5 / self.fps:
            raise bad_input(
                "props.duration_s",
                f"is {ordered:g}, but the clips last {whole} s",
                allowed=f"{whole}, or nothing: the clips decide it",
            )

    def frames(self, stage: Stage) -> Iterator[VideoFrame]:
        """The clips, the first seconds with the title over them."""
        pictures = self.pictures(stage)
        titled = ceil(min(TITLE_LEAVES_S, self.duration_s) * stage.fps) - stage.first
        if self.titled and titled > 0:
            yield from compose(stage, islice(pictures, titled), [self.title(stage)])
        yield from pictures

    def pictures(self, stage: Stage) -> Iterator[VideoFrame]:
        """The clips' frames on the stage."""
        last = stage.first + stage.frames
        begins = [Fraction(0), *self.ends[:-1]]
        firsts = [ceil((begin - footage.SLACK) * stage.fps) for begin in begins]
        for cut, begin, number, until in zip(
            self.cuts, begins, firsts, [*firsts[1:], last], strict=True
        ):
            numbers = range(max(0, number, stage.first), min(until, last))
            times = (cut.begin_s + Fraction(number, stage.fps) - begin for number in numbers)
            framing = Framing(stage, self.props.fit, cut.film.pixel_shape)
            yield from map(framing, footage.shown(cut.field, cut.film, times))

    def title(self, stage: Stage) -> Layer:
        """Title and subtitle at the foot of the picture."""
        picture = caption(self.props.title, self.props.subtitle, stage, largest=TITLE_SIZE)
        return Layer(
            picture,
            0,
            stage.height - picture.height,
            enter_s=TITLE_ENTERS_S * self.hurry,
            leave_s=min(TITLE_LEAVES_S, self.duration_s),
            ease_s=TITLE_EASES_S * self.hurry,
        )


def cut(field: str, clip: Clip, film: Film, fps: int) -> Cut:
    """The piece a clip names; RenderFailed(input) unless the film has it."""
    frame_s = Fraction(1, fps)
    begin = exact(clip.in_s)
    end = film.end if clip.out_s is None else exact(clip.out_s)
    whole = f"{float(film.end):.3f}".rstrip("0").rstrip(".")
    if begin >= film.end:
        problem = f"is {clip.in_s:g}, but the source ends at {whole} s"
        raise bad_input(f"{field}.in_s", problem, allowed=f"0 to less than {whole}")
    if end > film.end + frame_s / 2:
        problem = f"is {clip.out_s:g}, but the source ends at {whole} s"
        raise bad_input(f"{field}.out_s", problem, allowed=f"more than in_s, up to {whole}")
    if end - begin < frame_s - footage.SLACK:
        problem = f"is {float(end):g}, less than a frame after in_s {clip.in_s:g}"
        least = f"at least {float(frame_s):.3f} s more than in_s"
        raise bad_input(f"{field}.out_s", problem, allowed=least)
    return Cut(f"{field}.source", film, begin, end - begin)


def exact(seconds: float) -> Fraction:
    """The number that was written."""
    return Fraction(repr(seconds))

"""`audio-visualizer`: a sound as a flame, with a title over it."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from reactor.renderserver import lettering, sound, spectrum
from reactor.renderserver.flame import flame
from reactor.renderserver.palette import choose
from reactor.renderserver.stage import Layer, Stage, compose
from reactor.renderserver.templates.title_card import Margins, Pace, niche_tag, placed
from reactor.renderserver.typefaces import Weight

if TYPE_CHECKING:
    from collections.abc import Iterator

    from av.video.frame import VideoFrame

    from reactor.renderserver.props import AudioVisualizerProps

LONGEST_S = 600.0
SHORTEST_S = 0.5
LATEST_STILL_S = 20.0
WARM_UP_S = 1.2
"""How long the picture moves before the first frame that is looked at."""
WHITE = (255, 255, 255)


class AudioVisualizer:
    """A sound made visible, filled in."""

    def __init__(self, props: AudioVisualizerProps) -> None:
        self.props = props
        self.sound = sound.opened("props.audio", props.audio)
        whole_s = min(max(self.sound.duration_s, SHORTEST_S), LONGEST_S)
        self.fps = props.fps
        self.duration_s = props.duration_s or whole_s
        self.still_s = min(self.duration_s * 0.4, LATEST_STILL_S)

    def frames(self, stage: Stage) -> Iterator[VideoFrame]:
        """The moving spectrum with the words over it."""
        return compose(stage, self.moving(stage), list(self.words(stage)))

    def moving(self, stage: Stage) -> Iterator[VideoFrame]:
        """The fire that the sound feeds; it burns a while before it is first seen."""
        lead_in = min(stage.first, round(WARM_UP_S * stage.fps))
        seconds = (stage.first + stage.frames) / stage.fps
        heard = spectrum.bars(self.sound, seconds, stage.fps)
        return flame(islice(heard, stage.first - lead_in, None), stage, lead_in)

    def words(self, stage: Stage) -> Iterator[Layer]:
        """Niche, title and subtitle in the upper part, where the flames seldom reach."""
        safe = Margins.of(stage)
        pace = Pace(self.duration_s)
        look = choose(self.props.niche, self.props.title, self.props.palette)
        yield from niche_tag(self.props, stage, look, safe, pace)
        room = safe.right - safe.left
        title = lettering.fit(
            self.props.title,
            room,
            round(stage.height * 0.3),
            weight=Weight.BOLD,
            largest=round(stage.unit * (11 if stage.portrait else 10)),
            smallest=round(stage.unit * 4.2),
            max_lines=2 if stage.width > stage.height else 4,
            leading=1.1,
        )
        subtitle = lettering.fit(
            self.props.subtitle,
            room,
            round(stage.height * 0.12),
            weight=Weight.MEDIUM,
            largest=round(stage.unit * 4.4),
            smallest=round(stage.unit * 2.8),
            max_lines=2,
            leading=1.3,
        )
        y = safe.top + round(stage.unit * (7 if self.props.niche.strip() else 0))
        for block, opacity in ((title, 1.0), (subtitle, 0.86)):
            for line in block.lines:
                yield pace.layer(*placed(block, line, WHITE, opacity, safe, y), stage)
                y += block.line_height
            y += round(stage.unit * 2)

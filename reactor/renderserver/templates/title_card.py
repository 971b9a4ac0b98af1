"""`title-card`: a title, a subtitle, niche and platform over slowly moving colours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw

from reactor.renderserver import lettering, script
from reactor.renderserver.backdrop import backdrop
from reactor.renderserver.palette import Color, Palette, choose, number_of
from reactor.renderserver.stage import Layer, Stage, compose
from reactor.renderserver.typefaces import Weight

if TYPE_CHECKING:
    from collections.abc import Iterator

    from av.video.frame import VideoFrame

    from reactor.renderserver.props import Props, TitleCardProps

DURATION_S = 6.0
WHITE: Color = (255, 255, 255)
STAGGER_S = 0.09
NAMES = {
    "tiktok": "TikTok",
    "instagram": "Instagram",
    "youtube": "YouTube",
    "facebook": "Facebook",
    "snapchat": "Snapchat",
    "linkedin": "LinkedIn",
    "threads": "Threads",
    "pinterest": "Pinterest",
    "shorts": "Shorts",
    "reels": "Reels",
    "stories": "Stories",
    "x": "X",
}
"""Platforms as they write themselves; Remotion's compositions have the same list."""


@dataclass(frozen=True)
class Margins:
    """Where text may stand; on upright pictures the apps put their buttons above, below and right."""

    left: int
    top: int
    right: int
    bottom: int

    @classmethod
    def of(cls, stage: Stage) -> Margins:
        """The safe area of a stage."""
        w, h = stage.width, stage.height
        if stage.portrait:
            return cls(round(w * 0.085), round(h * 0.13), round(w * 0.885), round(h * 0.80))
        side = round(min(w, h) * 0.105)
        return cls(side, side, w - side, h - side)


class TitleCard:
    """A title card, filled in."""

    sound = None

    def __init__(self, props: TitleCardProps) -> None:
        self.props = props
        self.fps = props.fps
        self.duration_s = props.duration_s or DURATION_S
        self.still_s = self.duration_s * 0.6

    def frames(self, stage: Stage) -> Iterator[VideoFrame]:
        """The colours with the words over them."""
        look = choose(self.props.niche, self.props.title, self.props.palette)
        seed = self.props.seed if self.props.seed is not None else number_of(self.props.title)
        return compose(stage, backdrop(stage, look, seed), self.layers(stage, look))

    def layers(self, stage: Stage, look: Palette) -> list[Layer]:
        """The words from top to bottom, each a little after the one above."""
        pace = Pace(self.duration_s)
        safe = Margins.of(stage)
        return [
            *niche_tag(self.props, stage, look, safe, pace),
            *headline(self.props, stage, look, safe, pace),
            *platform_tag(self.props, stage, safe, pace),
        ]


@dataclass
class Pace:
    """When the next layer enters; short films move faster."""

    duration_s: float
    turn: int = 0

    def layer(self, picture: Image.Image, x: float, y: float, stage: Stage) -> Layer:
        """A layer that enters after the ones before it and leaves with them all."""
        hurry = min(1.0, self.duration_s / 3)
        enter_s = (0.12 + self.turn * STAGGER_S) * hurry
        self.turn += 1
        return Layer(
            picture,
            round(x),
            round(y),
            enter_s=enter_s,
            leave_s=self.duration_s - 0.05 * hurry,
            ease_s=0.6 * hurry,
            rise=round(stage.unit * 5),
        )


def niche_tag(
    props: Props, stage: Stage, look: Palette, safe: Margins, pace: Pace
) -> Iterator[Layer]:
    """The niche in spaced capitals after a dot, at the top of the safe area."""
    if name := spoken(props.niche):
        size = tag_size(stage)
        room = round((safe.right - safe.left) * 0.8)
        text = lettering.one_line(name.upper(), room, weight=Weight.BOLD, size=size, tracking=0.14)
        yield pace.layer(*dotted(text, look.accent, safe.left, safe.top), stage)


def platform_tag(props: Props, stage: Stage, safe: Margins, pace: Pace) -> Iterator[Layer]:
    """The platform on a plate, at the foot of the safe area."""
    if name := spoken(props.platform):
        room = round((safe.right - safe.left) * 0.6)
        text = lettering.one_line(name, room, weight=Weight.MEDIUM, size=tag_size(stage))
        picture = pill(text, stage)
        yield pace.layer(picture, safe.left, safe.bottom - picture.height, stage)


def spoken(name: str) -> str:
    """A name as people write it: `youtube_shorts` is YouTube Shorts."""
    words = script.clean(name.replace("_", " ")).split(" ")
    return " ".join(NAMES.get(word.lower(), word) for word in words)


def tag_size(stage: Stage) -> int:
    """Small, but readable on a phone."""
    return round(stage.unit * (4.0 if stage.portrait else 3.1))


def dotted(
    text: lettering.Block, accent: Color, x: int, y: int
) -> tuple[Image.Image, float, float]:
    """A line of text after a round dot in the accent colour."""
    pad = lettering.padding(text)
    line = lettering.draw_line(text, text.lines[0], WHITE, opacity=0.92)
    dot, gap = round(text.size * 0.62), round(text.size * 0.7)
    picture = Image.new("RGBA", (line.width + dot + gap, line.height), (*accent, 0))
    picture.paste(line, (dot + gap, 0))
    middle = line.height // 2
    picture.paste(disc(dot, accent), (pad, middle - dot // 2))
    return picture, x - pad, y - pad


def disc(size: int, color: Color) -> Image.Image:
    """A smooth filled circle."""
    large = Image.new("L", (size * 4, size * 4))
    ImageDraw.Draw(large).ellipse((0, 0, size * 4 - 1, size * 4 - 1), fill=255)
    picture = Image.new("RGBA", (size, size), (*color, 0))
    picture.putalpha(large.resize((size, size), Image.Resampling.LANCZOS))
    return picture


def pill(text: lettering.Block, stage: Stage) -> Image.Image:
    """Text on a rounded, faintly lit plate."""
    line = lettering.draw_line(text, text.lines[0], WHITE, opacity=0.95)
    high, wide = round(text.size * 2.1), line.width + round(text.size * 1.0)
    edge = max(1, round(stage.unit * 0.18))
    plate = Image.new("L", (wide * 2, high * 2))
    shape = (0, 0, wide * 2 - 1, high * 2 - 1)
    ImageDraw.Draw(plate).rounded_rectangle(shape, high, fill=34, outline=120, width=edge * 2)
    picture = Image.new("RGBA", (wide, high), (*WHITE, 0))
    picture.putalpha(plate.resize((wide, high), Image.Resampling.LANCZOS))
    picture.alpha_composite(line, ((wide - line.width) // 2, (high - line.height) // 2))
    return picture


def headline(
    props: TitleCardProps, stage: Stage, look: Palette, safe: Margins, pace: Pace
) -> Iterator[Layer]:
    """Title, bar and subtitle, together in the middle of the safe area."""
    room = safe.right - safe.left
    title, subtitle = blocks(props, stage, room, safe.bottom - safe.top)
    if not title.lines and not subtitle.lines:
        return
    bar, gap = round(stage.unit * 0.9), round(stage.unit * 4.2)
    beneath = gap + bar + (gap + subtitle.height if subtitle.lines else 0)
    y = (safe.top + safe.bottom - title.height - beneath) // 2
    for line in title.lines:
        yield pace.layer(*placed(title, line, WHITE, 1.0, safe, y), stage)
        y += title.line_height
    accent = rounded(Image.new("RGBA", (round(stage.unit * 14), bar), (*look.accent, 255)))
    rtl = script.base_direction("".join((title.lines or subtitle.lines)[:1])) == "rtl"
    x = safe.right - accent.width if rtl else safe.left
    yield pace.layer(accent, x, y + gap * 0.75, stage)
    y += gap + bar + round(gap * 0.6)
    for line in subtitle.lines:
        yield pace.layer(*placed(subtitle, line, WHITE, 0.86, safe, y), stage)
        y += subtitle.line_height


def blocks(
    props: TitleCardProps, stage: Stage, room: int, height: int
) -> tuple[lettering.Block, lettering.Block]:
    """Title and subtitle, as large as they look good."""
    unit = stage.unit
    tall = stage.portrait
    title = lettering.fit(
        props.title,
        room,
        round(height * (0.5 if tall else 0.52)),
        weight=Weight.BOLD,
        largest=round(unit * (12.5 if tall else 14)),
        smallest=round(unit * 4.4),
        max_lines=6 if tall else 4,
        leading=1.1,
    )
    subtitle = lettering.fit(
        props.subtitle,
        round(room * (1.0 if tall else 0.8)),
        round(height * 0.2),
        weight=Weight.MEDIUM,
        largest=round(min(unit * 5.0, max(title.size * 0.48, unit * 4))),
        smallest=round(unit * 2.8),
        max_lines=4 if tall else 2,
        leading=1.32,
    )
    return title, subtitle


def placed(
    block: lettering.Block, line: str, color: Color, opacity: float, safe: Margins, y: int
) -> tuple[Image.Image, float, float]:
    """A drawn line and where it goes: left, or right for text that is read from the right."""
    picture = lettering.draw_line(block, line, color, opacity=opacity, shadow=0.45)
    pad = lettering.padding(block)
    rtl = script.base_direction(line) == "rtl"
    return picture, safe.right - picture.width + pad if rtl else safe.left - pad, y - pad


def rounded(bar: Image.Image) -> Image.Image:
    """A bar with round ends."""
    mask = Image.new("L", (bar.width * 4, bar.height * 4))
    ImageDraw.Draw(mask).rounded_rectangle(
        (0, 0, *(4 * n - 1 for n in bar.size)), bar.height * 2, fill=255
    )
    bar.putalpha(mask.resize(bar.size, Image.Resampling.LANCZOS))
    return bar

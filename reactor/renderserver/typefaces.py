"""The vendored typefaces, and which of them can draw a character.

A line is cut into runs of one typeface each (the first in order that has the character), so that
one title may mix scripts and emoji. `lettering` lays the runs out.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from pathlib import Path

from PIL import ImageFont, features

FONTS = Path(__file__).parent / "fonts"
RIGHT_TO_LEFT = ("NotoSansHebrew-Bold.ttf", "NotoSansArabic-Bold.ttf")
FALLBACKS = (
    *RIGHT_TO_LEFT,
    "NotoSansThai-Bold.ttf",
    "NotoSansDevanagari-Bold.ttf",
    "NotoEmoji-Bold.ttf",
    "DejaVuSans-Bold.ttf",
    "DroidSansFallback.ttf",
)
PROBE_SIZE = 24
NEVER_A_CHARACTER = "\U0010ffff"
JOINERS = "\u200c\u200d"
REPLACEMENT = "\ufffd"


class Weight(StrEnum):
    """The two weights of the first typeface."""

    BOLD = "InterDisplay-Bold.otf"
    MEDIUM = "Inter-Medium.otf"


@dataclass(frozen=True)
class Run:
    """Characters that one typeface draws in one direction."""

    text: str
    font: str


@lru_cache(maxsize=1)
def complex_layout() -> bool:
    """Whether Pillow found the libraries that shape Arabic, Thai and Indic text."""
    return bool(features.check("raqm"))


@lru_cache(maxsize=256)
def typeface(name: str, size: int) -> ImageFont.FreeTypeFont:
    """One vendored typeface at a size in pixels."""
    engine = ImageFont.Layout.RAQM if complex_layout() else ImageFont.Layout.BASIC
    return ImageFont.truetype(FONTS / name, size, layout_engine=engine)


def runs(text: str, weight: Weight) -> list[Run]:
    """Cut text into runs; marks and joiners stay with what they follow, spaces in right-to-left text."""
    cut: list[Run] = []
    for char in text:
        last = cut[-1] if cut else None
        if last and (clings(char) or (char == " " and last.font in RIGHT_TO_LEFT)):
            cut[-1] = Run(last.text + char, last.font)
            continue
        font = first_with(char, weight)
        if font is None:
            char, font = REPLACEMENT, "DejaVuSans-Bold.ttf"
        if last and last.font == font:
            cut[-1] = Run(last.text + char, font)
        else:
            cut.append(Run(char, font))
    return cut


def clings(char: str) -> bool:
    """Whether a character belongs to the one before it: marks, joiners, skin tones."""
    return (
        char in JOINERS
        or unicodedata.category(char) in ("Mn", "Me", "Mc")
        or "\U0001f3fb" <= char <= "\U0001f3ff"
    )


def first_with(char: str, weight: Weight) -> str | None:
    """The first typeface that has the character."""
    return next((name for name in (weight.value, *FALLBACKS) if has(name, char)), None)


@lru_cache(maxsize=20_000)
def has(name: str, char: str) -> bool:
    """Whether the typeface has a glyph of its own for the character.

    Pillow does not show a font's character map, so its drawing is compared with the one of a code
    point that no font has.
    """
    if char.isspace():
        return True
    drawn = drawing(name, char)
    return bool(drawn.strip(b"\0")) and drawn != drawing(name, NEVER_A_CHARACTER)


@lru_cache(maxsize=64)
def drawing(name: str, char: str) -> bytes:
    """The pixels of one character, small."""
    return bytes(probe_font(name).getmask(char))


@lru_cache(maxsize=16)
def probe_font(name: str) -> ImageFont.FreeTypeFont:
    """The typeface in the size and plain layout used for looking only."""
    return ImageFont.truetype(FONTS / name, PROBE_SIZE, layout_engine=ImageFont.Layout.BASIC)

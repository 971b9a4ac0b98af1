"""The colours of a card: chosen for good contrast, picked by niche and title, always the same ones."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

Color = tuple[int, int, int]


@dataclass(frozen=True)
class Palette:
    """A dark ground, three lights that drift over it, and an accent that stands out."""

    ground: Color
    lights: tuple[Color, Color, Color]
    accent: Color


def color(code: str) -> Color:
    """A colour from six hexadecimal digits."""
    return int(code[:2], 16), int(code[2:4], 16), int(code[4:], 16)


def palette(ground: str, lights: str, accent: str) -> Palette:
    """A palette as short as it is written below."""
    first, second, third = (color(code) for code in lights.split())
    return Palette(color(ground), (first, second, third), color(accent))


PALETTES = {
    "ember": palette("14060a", "a3260f 5e0f3c c2560c", "ffb454"),
    "ocean": palette("04101f", "0b4f8a 0a7d86 27308f", "5fe3d0"),
    "forest": palette("05140e", "0f6b43 2f7a18 0a4f5c", "b6f09c"),
    "violet": palette("0d0720", "5a22b0 a01f7d 1f3fae", "ffa8e2"),
    "dusk": palette("100a1e", "b03a48 54308f c46a1f", "ffd27d"),
    "steel": palette("0a0f16", "2f5377 3c4a86 1c6b78", "9fd6ff"),
    "berry": palette("16061a", "a81d5c 6a1fa8 c0392f", "ff9fb8"),
    "aurora": palette("051018", "0c7a63 1d4fa6 5d2a9e", "8affd0"),
    "gold": palette("141006", "93630c 7a3a12 5b6b14", "ffdf70"),
    "night": palette("070a18", "22309a 0f5aa8 5a1f8f", "a9b8ff"),
}


def choose(niche: str, title: str, name: str | None) -> Palette:
    """The named palette, or the one of the niche; without a niche, of the title."""
    names = sorted(PALETTES)
    return PALETTES[name or names[number_of(niche or title) % len(names)]]


def number_of(text: str) -> int:
    """A number that is the same for the same text on every machine and in every run."""
    return int.from_bytes(hashlib.blake2s(text.encode("utf-8", "replace"), digest_size=6).digest())

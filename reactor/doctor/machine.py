"""What every farm needs of its machine: Python, a place for the data, encoders, typefaces."""

from __future__ import annotations

import os
import shutil
import sys
from typing import TYPE_CHECKING

from PIL import ImageFont

from reactor.doctor.finding import amiss, noted, well
from reactor.renderserver.encode import RECIPES
from reactor.renderserver.typefaces import FALLBACKS, FONTS, Weight, complex_layout, first_with

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from reactor.doctor.finding import Finding
    from reactor.settings import Settings

OLDEST_PYTHON = (3, 11)
MB = 1 << 20
REINSTALL = "rm -r .venv; bin/reactor doctor"
SCRIPTS = {
    "Latin": "Aß",
    "Greek": "Ω",
    "Cyrillic": "Я",
    "Hebrew": "א",
    "Arabic": "ع",
    "Thai": "ก",
    "Devanagari": "ह",
    "Chinese": "你",
    "Japanese": "かカ",
    "Korean": "한",
    "emoji": "🔥😀",
}
"""Characters that a typeface for each must have."""
RESTORE = "git checkout -- reactor/renderserver/fonts, or install the package again"


def look(settings: Settings) -> Iterator[Finding]:
    """Everything that is on this machine whichever renderer draws."""
    yield python()
    yield from data(settings)
    yield encoders()
    yield typefaces()


def python() -> Finding:
    """The interpreter that runs us."""
    said = f"{sys.version.split()[0]}, {sys.executable}"
    if sys.version_info < OLDEST_PYTHON:
        return amiss("Python", said, "set REACTOR_PYTHON to a Python 3.11 or later")
    return well("Python", said)


def data(settings: Settings) -> Iterator[Finding]:
    """Whether the data directory can be written to, or made, and how much room there is."""
    place = settings.data
    there = next(path for path in (place, *place.parents) if path.exists())
    may = there.is_dir() and os.access(there, os.W_OK | os.X_OK)
    if not may:
        mend = f"chown {os.geteuid()} {there}, or set REACTOR_DATA to a directory of yours"
        problem = "is not ours to write to" if there.is_dir() else "is not a directory"
        yield amiss("data directory", f"{there} {problem}", mend)
        return
    said = str(place) if there == place else f"{place}, made at the first start"
    yield well("data directory", said)
    yield room(there, settings.min_free_mb)


def room(place: Path, least_mb: int) -> Finding:
    """Free space against what the farm stops claiming at."""
    free_mb = shutil.disk_usage(place).free // MB
    said = f"{free_mb:,} MB free"
    if free_mb < least_mb:
        mend = "remove files, or set REACTOR_MIN_FREE_MB or REACTOR_DATA"
        return amiss("disk", f"{said}; below {least_mb:,} MB nothing is claimed", mend)
    return well("disk", said)


def encoders() -> Finding:
    """The ffmpeg libraries that PyAV brings along: they verify every video, and encode ours."""
    try:
        import av
        from av.codec import Codec
    except ImportError as wrong:
        return amiss("encoders", f"PyAV cannot be loaded: {wrong}", REINSTALL)
    wanted = sorted({word for recipe in RECIPES.values() for word in (recipe.video, recipe.audio)})
    missing = []
    for name in (*wanted, "gif"):
        try:
            Codec(name, "w")
        except ValueError:
            missing.append(name)
    if missing:
        return amiss("encoders", f"PyAV {av.__version__} lacks {', '.join(missing)}", REINSTALL)
    return well("encoders", f"PyAV {av.__version__}: {', '.join(wanted)}, gif")


def typefaces() -> Finding:
    """The vendored typefaces; the system's are never used, so that every machine draws the same."""
    names = [*(weight.value for weight in Weight), *FALLBACKS]
    broken = []
    for name in names:
        try:
            ImageFont.truetype(FONTS / name, 24)
        except OSError:
            broken.append(name)
    if broken:
        return amiss("fonts", f"{', '.join(broken)} cannot be read", RESTORE)
    if lacking := lacking_scripts():
        return amiss("fonts", f"no vendored typeface has {', '.join(lacking)}", RESTORE)
    said = f"{len(names)} vendored typefaces: {', '.join(SCRIPTS)}"
    if not complex_layout():
        lack = "Pillow has no raqm, so Arabic, Thai and Devanagari are drawn unjoined"
        return noted("fonts", f"{said}; {lack}", REINSTALL)
    return well("fonts", said)


def lacking_scripts() -> list[str]:
    """What would be drawn as empty boxes."""
    return [
        script
        for script, characters in SCRIPTS.items()
        if not all(first_with(character, Weight.BOLD) for character in characters)
    ]

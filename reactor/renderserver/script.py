"""What to know about writing before it is drawn: what is stripped, where lines may break, which way
it runs, and how Arabic letters join when Pillow has no shaping library at hand.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from typing import Literal

from reactor.renderserver.typefaces import JOINERS, clings

Direction = Literal["ltr", "rtl"]
LONGEST = 360
"""Characters of one text that are looked at; no picture has room for more."""
UNDRAWABLE = ("Cc", "Cf", "Cs", "Co", "Cn")
ZERO_WIDTH_JOINER = "\u200d"
BREAKABLE = ("W", "F")


def clean(text: str) -> str:
    """The text without control and bidi characters, on one line, composed."""
    spaced = "".join(" " if char.isspace() else char for char in text[:LONGEST])
    kept = (c for c in spaced if c in JOINERS or unicodedata.category(c) not in UNDRAWABLE)
    return " ".join(unicodedata.normalize("NFC", "".join(kept)).split()).strip(JOINERS + " ")


def clusters(text: str) -> list[str]:
    """Characters as people count them: marks, joiners and flags stay together."""
    found: list[str] = []
    for char in text:
        joined = found and (clings(char) or found[-1].endswith(ZERO_WIDTH_JOINER))
        flag = found and is_flag(char) and len(found[-1]) == 1 and is_flag(found[-1])
        if joined or flag:
            found[-1] += char
        else:
            found.append(char)
    return found


def is_flag(char: str) -> bool:
    """Half of a flag."""
    return "\U0001f1e6" <= char <= "\U0001f1ff"


def pieces(text: str) -> list[str]:
    """What a line may break between: words with their space, and single ideographs."""
    found: list[str] = []
    may_break = True
    for cluster in clusters(text):
        wide = unicodedata.east_asian_width(cluster[0]) in BREAKABLE
        closing = closes(cluster) and bool(found) and not found[-1].endswith(" ")
        bound = bool(found) and opens(found[-1][-1])
        if (may_break or wide) and not closing and not bound:
            found.append(cluster)
        else:
            found[-1] += cluster
        may_break = cluster == " " or wide
    return found


def closes(cluster: str) -> bool:
    """Whether a line must not begin with it: closing brackets, commas, stops, small marks."""
    return unicodedata.category(cluster[0]) in ("Pe", "Pf", "Po", "Lm")


def opens(cluster: str) -> bool:
    """Whether a line must not end with it: opening brackets."""
    return unicodedata.category(cluster[0]) in ("Ps", "Pi")


def base_direction(text: str) -> Direction:
    """The direction of the first strong character."""
    found = (STRONG.get(unicodedata.bidirectional(char)) for char in text)
    return next((kind for kind in found if kind), "ltr")


def segments(text: str, base: Direction) -> list[tuple[str, Direction]]:
    """The line from left to right as drawn: stretches of one direction, each in reading order.

    A simplified bidi algorithm: neutrals between two of a kind follow them, others the line.
    """
    found: list[tuple[str, Direction]] = []
    for char, kind in zip(text, directions(text, base), strict=True):
        if found and found[-1][1] == kind:
            found[-1] = (found[-1][0] + char, kind)
        else:
            found.append((char, kind))
    return found if base == "ltr" else found[::-1]


def directions(text: str, base: Direction) -> list[Direction]:
    """The direction of every character; numbers read left to right but pull no neutral along."""
    classes = [unicodedata.bidirectional(char) for char in text]
    strong = [base if name in NUMBERS else STRONG.get(name) for name in classes]
    pulled = resolved(strong, base)
    return ["ltr" if n in NUMBERS else kind for n, kind in zip(classes, pulled, strict=True)]


NUMBERS = ("EN", "AN")
STRONG: dict[str, Direction] = {"L": "ltr", "R": "rtl", "AL": "rtl"}


def resolved(kinds: list[Direction | None], base: Direction) -> list[Direction]:
    """Every neutral with the direction of its neighbours when they agree, else of the line."""
    before: list[Direction] = []
    latest = base
    for kind in kinds:
        latest = kind or latest
        before.append(latest)
    after = base
    result: list[Direction] = []
    for kind, left in zip(reversed(kinds), reversed(before), strict=True):
        after = kind or after
        result.append(kind or (left if left == after else base))
    return result[::-1]


def plain_rtl(text: str) -> str:
    """Right-to-left text for a plain left-to-right drawer: joined, mirrored and reversed."""
    mirrored = "".join(MIRRORED.get(char, char) for char in join_arabic(text))
    return "".join(reversed(clusters(mirrored)))


MIRRORED = dict(zip("()[]{}<>«»", ")(][}{><»«", strict=True))
LAM = "\u0644"


def join_arabic(text: str) -> str:
    """Arabic letters in the forms their neighbours ask for."""
    forms = arabic_forms()
    letters = [c for c in text if not unicodedata.combining(c)]
    drawn: list[str] = []
    previous_joins = False
    skip = False
    for here, following in zip(letters, [*letters[1:], ""], strict=True):
        if skip:
            skip = False
            continue
        if here == LAM and LAM + following in forms:
            here, following, skip = LAM + following, "", True
        known = forms.get(here, {})
        joins_next = "initial" in known and "final" in forms.get(following, {})
        joined = previous_joins and "final" in known
        name = {(True, True): "medial", (True, False): "final", (False, True): "initial"}.get(
            (joined, joins_next), "isolated"
        )
        drawn.append(known.get(name, here))
        previous_joins = joins_next
    return "".join(drawn)


@lru_cache(maxsize=1)
def arabic_forms() -> dict[str, dict[str, str]]:
    """Letter (or lam-alef pair) to its presentation forms, read from Unicode's own data."""
    forms: dict[str, dict[str, str]] = {}
    for code in range(0xFE80, 0xFEFD):
        name, *letters = unicodedata.decomposition(chr(code)).split()
        letter = "".join(chr(int(part, 16)) for part in letters)
        forms.setdefault(letter, {})[name.strip("<>")] = chr(code)
    return forms

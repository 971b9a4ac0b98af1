"""Text as pictures: what is stripped, what is fitted, who draws what, which way it runs."""

from __future__ import annotations

import pytest

from reactor.renderserver import lettering, script
from reactor.renderserver.typefaces import FONTS, Weight, first_with, runs


def fit(text: str, width: int = 600, height: int = 300) -> lettering.Block:
    """The text in a box of an ordinary size."""
    return lettering.fit(
        text, width, height, weight=Weight.BOLD, largest=80, smallest=20, max_lines=3
    )


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("  two\n\tlines\r\n", "two lines"),
        ("\x00a\x1bb\x7f", "ab"),
        ("\u202eabc\u202c\u2066d\u2069\u200e", "abcd"),
        ("\ufeffx\ue000y\U000e0041", "xy"),
        ("e\u0301", "é"),
        ("\U0001f469\u200d\U0001f467", "\U0001f469\u200d\U0001f467"),
        ("\u200d", ""),
    ],
)
def test_only_what_can_be_seen_is_kept(given: str, kept: str) -> None:
    assert script.clean(given) == kept


def test_a_short_title_is_as_large_as_allowed() -> None:
    assert (fit("Hi").lines, fit("Hi").size) == (("Hi",), 80)


def test_a_long_title_wraps_and_shrinks_but_stays_whole() -> None:
    title = "The quick brown fox jumps over the lazy dog near the old mill"

    block = fit(title)

    assert " ".join(block.lines) == title
    assert 1 < len(block.lines) <= 3
    assert 20 <= block.size < 80


def test_a_title_without_end_is_cut_with_an_ellipsis() -> None:
    block = fit("endless words and more " * 200)

    assert len(block.lines) == 3
    assert block.lines[-1].endswith("…")


@pytest.mark.parametrize("text", ["W" * 500, "word " * 90, "漢字" * 200, "שלום " * 90])
def test_no_line_is_wider_than_its_box(text: str) -> None:
    assert fit(text).width <= 600


def test_lines_are_about_equally_long() -> None:
    block = fit("one two three four five six seven eight nine ten", width=400)

    widths = [block.line_width(line) for line in block.lines]
    assert min(widths) > 0.55 * max(widths)


def test_an_empty_text_has_no_lines() -> None:
    assert fit(" \n ").lines == ()


def test_a_line_does_not_begin_with_a_closing_mark() -> None:
    assert script.pieces("你好，世界。") == ["你", "好，", "世", "界。"]


@pytest.mark.parametrize(
    "text",
    [
        "Ωμέγα",
        "Привет",
        "שלום",
        "مرحبا",
        "你好",
        "こんにちは",
        "한국어",
        "ไทย",
        "हिन्दी",
        "🔥",
        "→",
        "Հայ",
    ],
)
def test_every_script_has_a_typeface(text: str) -> None:
    assert all(first_with(char, Weight.BOLD) for char in text)


def test_runs_keep_what_belongs_together() -> None:
    found = [run.text for run in runs("Hi \U0001f44d\U0001f3fd ok", Weight.BOLD)]

    assert found == ["Hi ", "\U0001f44d\U0001f3fd", " ok"]


def test_what_no_typeface_has_is_replaced() -> None:
    assert [run.text for run in runs("a\U00016800", Weight.BOLD)] == ["a", "\ufffd"]


def test_a_right_to_left_line_is_ordered_as_it_is_read() -> None:
    assert script.segments("שלום (2026) abc", "rtl") == [
        ("abc", "ltr"),
        (") ", "rtl"),
        ("2026", "ltr"),
        ("שלום (", "rtl"),
    ]


def test_a_foreign_word_keeps_its_direction() -> None:
    assert script.segments("say שלום now", "ltr") == [
        ("say ", "ltr"),
        ("שלום", "rtl"),
        (" now", "ltr"),
    ]


def test_arabic_letters_join_without_a_shaping_library() -> None:
    assert script.join_arabic("سلام") == "\ufeb3\ufefc\ufee1"


def test_plain_right_to_left_text_is_reversed_and_mirrored() -> None:
    assert script.plain_rtl("(אב)") == "(בא)"


def test_a_drawn_line_is_in_its_colour_and_has_room_around_it() -> None:
    block = fit("Hello")

    picture = lettering.draw_line(block, "Hello", (250, 10, 20))

    box = picture.getbbox()
    assert box is not None
    pad = lettering.padding(block)
    assert pad // 2 < box[0]
    assert box[2] <= picture.width - pad // 2
    colors = picture.getcolors(1 << 20)
    assert colors is not None
    assert max(colors, key=lambda found: (found[1] != (250, 10, 20, 0), found[0]))[1] == (
        250,
        10,
        20,
        255,
    )


def test_every_typeface_has_its_licence_beside_it() -> None:
    licences = [path.stem for path in FONTS.glob("*.LICENSE")]
    faces = [path.stem for path in FONTS.iterdir() if path.suffix in (".ttf", ".otf")]

    assert faces
    assert all(any(face.startswith(name) for name in licences) for face in faces)
    assert sum(path.stat().st_size for path in FONTS.iterdir()) < 7_000_000

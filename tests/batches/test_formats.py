"""A format word says shape, size and kind of file, in any order, and nothing it cannot mean."""

from __future__ import annotations

import pytest

from reactor.batches import MOST_FORMATS, Choice, read_format, read_formats
from reactor.errors import Invalid
from reactor.models import Container, Format, Quality


@pytest.mark.parametrize(
    ("word", "shape", "quality", "container"),
    [
        ("1080p", "full_16_9", "1080p", "mp4"),
        ("4k", "full_16_9", "4k", "mp4"),
        ("short_9_16", "short_9_16", "1080p", "mp4"),
        ("gif", "full_16_9", "1080p", "gif"),
        ("short_9_16/720p/webm", "short_9_16", "720p", "webm"),
        ("webm/720p/short_9_16", "short_9_16", "720p", "webm"),
        ("thumbnail", "thumbnail", "1080p", "jpg"),
        ("jpg/thumbnail/720p", "thumbnail", "720p", "jpg"),
    ],
)
def test_a_word_says_what_is_to_be_made(
    word: str, shape: str, quality: str, container: str
) -> None:
    assert read_format(word) == Choice(Format(shape), Quality(quality), Container(container))


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("", "'' is unknown (allowed: full_16_9,"),
        ("1080P", "'1080P' is unknown"),
        ("720p/", "'' is unknown"),
        ("720p/vertical", "'vertical' is unknown"),
        ("720p/1080p", "'720p' and '1080p' exclude each other"),
        ("720p/720p", "exclude each other"),
        ("jpg", "'jpg' does not go with full_16_9"),
        ("thumbnail/webm", "'webm' does not go with thumbnail"),
    ],
)
def test_a_wrong_word_is_said_with_what_is_allowed(word: str, said: str) -> None:
    with pytest.raises(Invalid) as caught:
        read_formats(["720p", word])

    (error,) = caught.value.errors
    assert error.field == "formats[1]"
    assert said in error.message


def test_every_wrong_word_is_named() -> None:
    with pytest.raises(Invalid) as caught:
        read_formats(["huge", "720p", "tiny"])

    assert [error.field for error in caught.value.errors] == ["formats[0]", "formats[2]"]


def test_two_words_for_the_same_are_refused() -> None:
    with pytest.raises(Invalid, match=r"formats\[2\]: asks for the same as formats\[0\]"):
        read_formats(["1080p", "720p", "mp4/full_16_9"])


@pytest.mark.parametrize("count", [0, MOST_FORMATS + 1])
def test_there_are_one_to_twenty(count: int) -> None:
    with pytest.raises(Invalid, match=f"formats: are {count}; allowed: 1 to 20"):
        read_formats(["1080p"] * count)

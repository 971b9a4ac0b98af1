"""Names: the seed's example, and properties that hold for every text."""

from __future__ import annotations

import re
from datetime import date

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reactor.media.naming import (
    RenderName,
    attempt_file_name,
    dropped_file_name,
    file_name,
    in_progress,
    parse_render_name,
    slug,
    title_of,
)
from reactor.models import Container, JobId, Quality

# The same examples every time, and none that a slow machine is too slow for.
STEADY = settings(deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
JANUARY = date(2026, 1, 27)
TEXTS = st.text() | st.text(alphabet="aÀß ./\\_-~\0\nИ中\u0301\u202e😀CONcon", max_size=200)
IDS = st.integers(1, 2**63 - 1)
ATTEMPTS = st.integers(1, 2**31 - 1)
RESERVED = {"con", "prn", "aux", "nul", *(f"{d}{n}" for d in ("com", "lpt") for n in range(10))}


def test_the_name_of_the_seed() -> None:
    found = file_name("Test Audio", created=JANUARY, quality="1080p", version=1, extension="mp4")

    assert found == "20260127_test_audio_1080p_v1.mp4"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Test Audio", "test_audio"),
        ("  --Rock—Roll!!  ", "rock_roll"),
        ("Crème Brûlée", "creme_brulee"),
        ("Cre\u0300me", "creme"),
        ("Straße", "strasse"),
        ("İstanbul", "istanbul"),
        ("ﬁne ½", "fine_1_2"),
        ("日本語 mix 2", "mix_2"),
        ("日本語", "video"),
        ("😀", "video"),
        ("", "video"),
        ("../../etc/passwd", "etc_passwd"),
        ("-rf", "rf"),
        ("a" * 59 + " bc", "a" * 59),
    ],
)
def test_slugs(text: str, expected: str) -> None:
    assert slug(text) == expected


@STEADY
@given(TEXTS)
def test_a_slug_is_plain_short_and_stays_as_it_is(text: str) -> None:
    found = slug(text)

    assert re.fullmatch(r"[a-z0-9]([a-z0-9_]{0,58}[a-z0-9])?", found)
    assert slug(found) == found


@STEADY
@given(TEXTS, st.dates(), TEXTS, st.integers(1, 10**9), TEXTS)
def test_a_file_name_is_safe_on_every_system(
    title: str, created: date, quality: str, version: int, extension: str
) -> None:
    found = file_name(title, created=created, quality=quality, version=version, extension=extension)

    assert re.fullmatch(r"[0-9]{8}_[a-z0-9_]+_v[0-9]+\.[a-z0-9_]+", found)
    assert len(found.encode()) <= 120
    assert found.partition(".")[0] not in RESERVED
    assert not in_progress(found)


@STEADY
@given(st.sampled_from(list(Quality)), st.sampled_from(list(Container)), st.integers(1, 99))
def test_names_of_different_renders_differ(
    quality: Quality, container: Container, version: int
) -> None:
    found = file_name("x", created=JANUARY, quality=quality, version=version, extension=container)

    assert found == f"20260127_x_{quality}_v{version}.{container}"


def test_the_first_version_is_one() -> None:
    with pytest.raises(ValueError, match="version is 0"):
        file_name("x", created=JANUARY, quality="1080p", version=0, extension="mp4")


@pytest.mark.parametrize(
    ("audio_name", "title", "template_id", "niche", "expected"),
    [
        ("Test Audio.mp3", "A title", "flame", "cats", "test_audio"),
        ("C:\\music\\Vol. 2.WAV", None, None, None, "vol_2"),
        ("uploads/Mr. Smith", None, None, None, "mr_smith"),
        (None, "A title", "flame", "cats", "a_title"),
        ("日本.mp3", "A title", None, None, "a_title"),
        ("", "", "title-card", "cats", "title_card_cats"),
        (None, {"not": "text"}, None, "cats", "cats"),
        (None, None, None, None, "video"),
    ],
)
def test_a_title_is_the_first_name_that_there_is(
    audio_name: str | None,
    title: object,
    template_id: str | None,
    niche: str | None,
    expected: str,
) -> None:
    found = title_of(audio_name=audio_name, title=title, template_id=template_id, niche=niche)

    assert found == expected


@STEADY
@given(IDS, ATTEMPTS, st.sampled_from(list(Container)))
def test_an_attempts_file_is_recognised(job: int, attempt: int, container: Container) -> None:
    found = parse_render_name(attempt_file_name(job, attempt, container))

    assert found == RenderName(JobId(job), attempt, container)


@STEADY
@given(IDS, st.sampled_from(list(Container)))
def test_a_dropped_file_is_recognised(job: int, container: Container) -> None:
    found = parse_render_name(dropped_file_name(job, container))

    assert found == RenderName(JobId(job), None, container)


def test_render_names_look_as_designed() -> None:
    assert attempt_file_name(12, 3, "mp4") == "job-12-a3.mp4"
    assert dropped_file_name(12, "mp4") == "job-12.mp4"


def test_an_extension_in_capitals_is_recognised() -> None:
    assert parse_render_name("job-12.MP4") == RenderName(JobId(12), None, Container.MP4)


@pytest.mark.parametrize(
    "name",
    [
        "", "job-.mp4", "job-0.mp4", "job-012.mp4", "job--1.mp4", "job-12", "job-12.mp4.part",
        "job-12.avi", "job-12-a0.mp4", "job-12-a.mp4", "job-12-a3-a4.mp4", "job-12.mp4\n",
        "job-１２.mp4", "a/job-12.mp4", "Job-12.mp4", "job-9223372036854775808.mp4",
        "job-12-a2147483648.mp4", ".job-12.mp4", "job-12.reason.txt",
    ],
)  # fmt: skip
def test_other_names_are_nobodys(name: str) -> None:
    assert parse_render_name(name) is None


@STEADY
@given(TEXTS)
def test_a_recognised_name_is_never_one_in_progress(name: str) -> None:
    assert parse_render_name(name) is None or not in_progress(name)


@pytest.mark.parametrize(
    "name",
    [
        "job-1.mp4.part", "job-1.mp4.PART", "x.tmp", "x.partial", "x.crdownload",
        "x.remotion-in-progress", ".hidden.mp4", "~lock.mp4", "job-1.mp4~",
    ],
)  # fmt: skip
def test_a_file_in_progress_is_known_by_its_name(name: str) -> None:
    assert in_progress(name)


@pytest.mark.parametrize(
    "name", ["job-1.mp4", "job-1-a2.webm", "part.mp4", "a.part.mp4", "a~b.gif"]
)
def test_a_finished_file_is_not_in_progress(name: str) -> None:
    assert not in_progress(name)

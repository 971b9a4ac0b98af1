"""What the embedded render server promises beyond the contract: its files, its limits, its processes."""

from __future__ import annotations

import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import psutil
import pytest
from PIL import Image, ImageChops

from reactor.errors import BadConfiguration
from reactor.renderserver.server import main
from reactor.settings import load
from tests.renderserver.conformance import LONG
from tests.renderserver.files import content
from tests.renderserver.target import LONGEST_WAIT_S, PATIENCE_S, Target, observed, running

if TYPE_CHECKING:
    from collections.abc import Iterator

THUMBNAIL = {"format": "thumbnail", "container": "jpg"}


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Target]:
    """A server that a test may treat badly."""
    with running(tmp_path) as target:
        yield target


def refused(target: Target, **changes: Any) -> str:
    """The sentence an order is refused with."""
    answer = target.post(target.order(**changes))
    assert answer.status_code == 400, answer.text
    return str(answer.json()["error"]["message"])


@pytest.mark.parametrize(
    ("quality", "size"),
    [("360p", (640, 360)), ("720p", (1280, 720)), ("1080p", (1920, 1080)), ("4k", (3840, 2160))],
)
def test_every_quality_has_its_size(embedded: Target, quality: str, size: tuple[int, int]) -> None:
    assert content(embedded.finished(quality=quality, **THUMBNAIL)).size == size


@pytest.mark.parametrize(("container", "codec"), [("mp4", "aac"), ("webm", "opus")])
def test_sound_lasts_as_long_as_the_pictures(embedded: Target, container: str, codec: str) -> None:
    props = {"images": ["red.jpg"], "audio": "tone.wav", "duration_s": 1.5, "fps": 10}

    found = content(embedded.finished(template="slideshow", container=container, props=props))

    assert any(name.startswith(codec) or name == f"lib{codec}" for name in found.codecs)
    assert found.seconds == pytest.approx(1.5, abs=0.08)


def test_a_visualized_sound_is_as_long_as_it_is(embedded: Target) -> None:
    props = {"audio": "tone.wav", "fps": 10}

    found = content(embedded.finished(template="audio-visualizer", format="clip_1_1", props=props))

    assert found.frames == 10


def test_a_gif_has_no_more_frames_than_a_gif_can_show(embedded: Target) -> None:
    path = embedded.finished(container="gif", format="clip_1_1", props={"duration_s": 1, "fps": 60})

    assert content(path).frames == 15


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("list.mp3", "ffconcat version 1.0\nfile 'tone.wav'\n"),
        ("list.m4a", "#EXTM3U\n#EXTINF:1,\ntone.wav\n"),
        ("page.wav", "<html>404</html>"),
        ("empty.wav", ""),
        ("head.wav", "RIFF\0\0\0\0WAVEfmt "),
    ],
)
def test_what_only_is_called_a_sound_is_refused(embedded: Target, name: str, text: str) -> None:
    (embedded.assets / name).write_text(text)

    message = refused(embedded, template="audio-visualizer", props={"audio": name})

    assert message.startswith("props.audio: ")


def test_what_only_is_called_an_image_is_refused(embedded: Target) -> None:
    (embedded.assets / "fake.jpg").write_text("ffconcat version 1.0\nfile 'red.jpg'\n")
    whole = (embedded.assets / "red.jpg").read_bytes()
    (embedded.assets / "half.jpg").write_bytes(whole[: len(whole) // 2])

    for name in ("fake.jpg", "half.jpg"):
        message = refused(embedded, template="slideshow", props={"images": ["red.jpg", name]})
        assert message.startswith("props.images[1]: ")
        assert "is not an image (allowed: jpg, png" in message


def test_an_image_of_too_many_pixels_is_not_decoded(embedded: Target) -> None:
    Image.new("1", (30_000, 4_000)).save(embedded.assets / "bomb.png")

    message = refused(embedded, template="slideshow", props={"images": ["bomb.png"]})

    assert "pixels" in message


def test_a_link_out_of_the_allowed_directories_is_refused(embedded: Target, tmp_path: Path) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "secret.jpg")
    (embedded.assets / "link.jpg").symlink_to(tmp_path / "secret.jpg")

    message = refused(embedded, template="slideshow", props={"images": ["link.jpg"]})

    assert "outside the directories for assets" in message
    assert str(embedded.assets) in message


def test_a_linked_output_directory_is_outside(embedded: Target, tmp_path: Path) -> None:
    (embedded.renders / "linked").symlink_to(tmp_path)

    message = refused(embedded, output_path="linked/film.mp4")

    assert "outside the render directory" in message
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("title", ["%{pts}:\\'[];,", "x',nullsink;movie='/etc/hosts", "':x=0:y=0"])
def test_a_hostile_title_changes_no_pixel_outside_the_words(embedded: Target, title: str) -> None:
    pictures = []
    for words in (title, "harmless"):
        props = {"title": words, "seed": 5, "palette": "ember"}
        with Image.open(embedded.finished(props=props, **THUMBNAIL)) as picture:
            pictures.append(picture.convert("RGB"))

    changed = ImageChops.difference(*pictures).getbbox()

    # The safe area of a 1280 × 720 picture, to the borders of JPEG's blocks.
    assert changed is not None
    assert changed[0] >= 48
    assert changed[1] >= 64
    assert changed[2] <= 1232
    assert changed[3] <= 656


def test_the_same_order_gives_the_same_picture(embedded: Target) -> None:
    props = {"title": "Twice", "niche": "science"}

    first, second = (embedded.finished(props=props, **THUMBNAIL).read_bytes() for _ in range(2))

    assert first == second


def test_waiting_ends_with_the_render(embedded: Target) -> None:
    assert embedded.waited_for(embedded.begun(**THUMBNAIL)["id"]) < LONGEST_WAIT_S - 1


def test_waiting_has_an_end(embedded: Target) -> None:
    body = embedded.begun(props=LONG)
    try:
        assert embedded.status(body["id"], wait_s=0.2)["status"] == "rendering"
        with embedded.client() as client:
            assert client.get(f"/status/{body['id']}", params={"wait": "soon"}).status_code == 400
    finally:
        embedded.cancel(body["id"])


@pytest.mark.parametrize("headers", [{"host": "evil.example"}, {"origin": "http://evil.example"}])
def test_other_peoples_pages_cannot_order(embedded: Target, headers: dict[str, str]) -> None:
    with embedded.client() as client:
        answer = client.post("/render", json=embedded.order(), headers=headers)

    assert answer.status_code in (403, 421)


def test_a_cancelled_render_leaves_no_process(own: Target) -> None:
    body = own.begun(props=LONG)
    own.drawing(body["id"])
    before = {process.pid for process in own.processes()}

    own.cancel(body["id"])

    assert len(before & {process.pid for process in own.processes()}) == len(before) - 1
    assert own.finished(**THUMBNAIL).is_file()


def test_renders_leave_no_processes_behind(own: Target) -> None:
    for _ in range(4):
        own.finished(**THUMBNAIL)

    observed(own.processes, lambda processes: len(processes) <= 1)


def warm(target: Target) -> psutil.Process:
    """The one process of a server that has nothing to do: it will draw the next order."""
    [process] = target.processes()
    return process


def test_a_killed_render_process_is_a_crash(own: Target) -> None:
    renderer = warm(own)
    body = own.begun(props=LONG)
    own.drawing(body["id"])

    renderer.kill()

    status = own.ended(body["id"])
    assert status["status"] == "failed"
    assert status["error"]["class"] == "crash"
    assert "SIGKILL" in status["error"]["message"]
    assert not list(own.renders.glob("*.part"))
    assert own.finished(**THUMBNAIL).is_file()


def test_a_render_that_stands_still_is_a_stall(tmp_path: Path) -> None:
    with running(tmp_path, REACTOR_STALL_TIMEOUT_S="3") as own:
        renderer = warm(own)
        body = own.begun(props=LONG)
        renderer.suspend()

        status = own.ended(body["id"])
        assert status["status"] == "failed"
        assert status["error"]["class"] == "stall"
        # On a slow machine so little patience may not be enough for a good one.
        observed(
            lambda: own.ended(own.begun(**THUMBNAIL)["id"])["status"],
            lambda status: status == "complete",
        )


def works(process: psutil.Process) -> bool:
    """Whether a process is alive."""
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_no_render_process_outlives_a_killed_server(own: Target) -> None:
    body = own.begun(props=LONG)
    own.drawing(body["id"])
    left = own.processes()
    assert left

    psutil.Process(own.pid).kill()

    # Who has died but was not yet buried by the system does nothing any more.
    observed(lambda: [each for each in left if works(each)], lambda alive: not alive)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_renders_and_server_at_once(own: Target, number: signal.Signals) -> None:
    body = own.begun(props=LONG)
    own.drawing(body["id"])
    left = own.processes()
    server = psutil.Process(own.pid)

    server.send_signal(number)

    assert server.wait(PATIENCE_S) == 0
    observed(lambda: [each for each in left if works(each)], lambda alive: not alive)
    # Had it let the render come to its end, there would be a film.
    assert not list(own.renders.iterdir())


def test_nothing_in_the_environment_of_a_render_process_is_secret(tmp_path: Path) -> None:
    with running(tmp_path, DATABASE_URL="postgresql://u:canary@127.0.0.1/x") as target:
        seen = [process.environ() for process in target.processes()]

    assert seen
    assert not any("canary" in value for environment in seen for value in environment.values())


def test_a_taken_port_is_one_line(embedded: Target, tmp_path: Path) -> None:
    with pytest.raises(BadConfiguration, match=r"cannot listen on 127\.0\.0\.1:\d+ .*RENDERER_URL"):
        main(load(data=tmp_path / "other", renderer_url=embedded.url))


def answered_within(client: httpx.Client) -> float:
    """How long one answer takes."""
    began = time.monotonic()
    assert client.post("/render", json=[]).status_code == httpx.codes.BAD_REQUEST
    return time.monotonic() - began


def test_answers_come_without_delay(embedded: Target) -> None:
    with embedded.client() as client:
        took_s = [answered_within(client) for _ in range(60)]

    # Without TCP_NODELAY each of them takes 40 ms, but for a few at the beginning.
    assert len([each for each in took_s[20:] if each < 0.03]) > 3


def ended_without_its_half(target: Target) -> dict[str, Any]:
    """The last status of a render whose half file is taken away as soon as it is there."""
    body = target.begun(format="clip_1_1", props={"title": "Gone", "duration_s": 6})
    half = Path(body["output_path"] + ".part")
    observed(
        lambda: half.exists() or target.status(body["id"])["status"] != "rendering",
        lambda there_or_over: there_or_over,
    )
    with suppress(FileNotFoundError):
        half.unlink()
    return target.ended(body["id"])


def test_a_failure_says_at_which_frame_and_with_which_last_words(own: Target) -> None:
    """Somebody takes the half file away, so that it cannot be given its name."""
    # Again when all was done before.
    failed = observed(
        lambda: ended_without_its_half(own), lambda said: said["status"] != "complete"
    )

    assert failed["status"] == "failed"
    assert failed["error"]["frame"] == failed["rendered_frames"] > 0
    assert failed["log"].startswith("Traceback")
    assert "FileNotFoundError" in failed["log"].splitlines()[-1]


def test_a_refused_order_has_no_frame(embedded: Target) -> None:
    answer = embedded.post(embedded.order(template="slideshow", props={"images": ["missing.jpg"]}))

    assert answer.status_code == 400
    assert "frame" not in answer.json()["error"]

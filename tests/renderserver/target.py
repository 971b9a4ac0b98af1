"""A render server to test, wherever it runs, and real media to give it."""

from __future__ import annotations

import json
import math
import os
import struct
import subprocess
import sys
import time
import wave
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import uuid4

import httpx
import psutil
from PIL import Image

from tests.ports import free_port
from tests.renderserver.clips import CYAN, make_clip

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

T = TypeVar("T")
PATIENCE_S = 180
"""A browser that opens and draws on a busy machine takes its time."""
PROGRAM = (
    "from reactor.renderserver.server import main; from reactor.settings import load; main(load())"
)
ROOT = Path(__file__).parents[2]
LEASH = ROOT / "reactor" / "loops" / "leash.py"
LEASHED = [sys.executable, "-I", str(LEASH), "--grace", "3", "--"]
REMOTION = ROOT / "remotion" / "server" / "start.mjs"
BUNDLED_S = 240
OPENING_S = 200
"""More than the minute a browser has elsewhere: here several open at once."""
LONGEST_WAIT_S = 30
TITLE_PROPS = {"title": "A short title", "duration_s": 0.6, "fps": 10}


@dataclass(frozen=True)
class Target:
    """A running render server: its address, and the directories it writes to and reads from."""

    url: str
    renders: Path
    assets: Path
    pid: int | None = None

    def client(self) -> httpx.Client:
        """A client of this server alone."""
        return httpx.Client(base_url=self.url, timeout=PATIENCE_S, trust_env=False)

    def order(self, **changes: Any) -> dict[str, Any]:
        """A good order for a fraction of a second of video, with changes; None leaves a field out."""
        name = f"t{uuid4().hex[:12]}-1"
        body: dict[str, Any] = {
            "id": name,
            "template": "title-card",
            "format": "full_16_9",
            "quality": "720p",
            "container": "mp4",
            "props": TITLE_PROPS,
            "assets": {},
            **changes,
        }
        ending = "jpg" if body["format"] == "thumbnail" else body["container"]
        body.setdefault("output_path", str(self.renders / f"job-{name}.{ending}"))
        return {field: value for field, value in body.items() if value is not None}

    def post(self, body: Any) -> httpx.Response:
        """Order a render; in ASCII, since JSON may hold half a character and UTF-8 may not."""
        headers = {"content-type": "application/json"}
        with self.client() as client:
            return client.post("/render", content=json.dumps(body), headers=headers)

    def status(self, name: str, *, wait_s: float = 0) -> dict[str, Any]:
        """How far a render is."""
        with self.client() as client:
            answer = client.get(f"/status/{name}", params={"wait": wait_s})
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def cancel(self, name: str) -> dict[str, Any]:
        """End a render."""
        with self.client() as client:
            found: dict[str, Any] = client.post(f"/cancel/{name}").json()
        return found

    def begun(self, **changes: Any) -> dict[str, Any]:
        """An order that was accepted."""
        body = self.order(**changes)
        answer = self.post(body)
        assert answer.status_code == 202, answer.text
        return body

    def finished(self, **changes: Any) -> Path:
        """The file of a render that came out well."""
        body = self.begun(**changes)
        status = self.ended(body["id"])
        assert status["status"] == "complete", status
        return Path(body["output_path"])

    def ended(self, name: str) -> dict[str, Any]:
        """The last status of a render."""
        deadline = time.monotonic() + PATIENCE_S
        for _ in count():
            status = self.status(name, wait_s=5)
            if status["status"] not in ("queued", "rendering"):
                return status
            assert time.monotonic() < deadline, status
        raise AssertionError

    def drawing(self, name: str) -> dict[str, Any]:
        """The status once frames are being drawn."""
        seen = observed(
            lambda: self.status(name),
            lambda status: status["rendered_frames"] > 0 or status["status"] == "failed",
        )
        assert seen["rendered_frames"] > 0, seen
        return seen

    def waited_for(self, name: str) -> float:
        """Wait in long requests until the render is complete; how long the last of them took."""
        while True:
            began = time.monotonic()
            status = self.status(name, wait_s=LONGEST_WAIT_S)
            if status["status"] == "complete":
                return time.monotonic() - began
            assert status["status"] in ("queued", "rendering"), status

    def processes(self) -> list[psutil.Process]:
        """The server's own processes, of which one is warm and the others render."""
        return psutil.Process(self.pid).children(recursive=True)


def observed(
    look: Callable[[], T], right: Callable[[T], bool], *, within_s: float = PATIENCE_S
) -> T:
    """What one sees once it is right."""
    deadline = time.monotonic() + within_s
    while True:
        seen = look()
        if right(seen):
            return seen
        assert time.monotonic() < deadline, seen
        # Not a wait for luck: the next look is what is waited for.
        time.sleep(0.01)


@contextmanager
def running(data: Path, **settings: str) -> Generator[Target]:
    """An embedded render server of one's own; whatever happens, it is gone afterwards."""
    url, environment = prepared(data, settings)
    command = [sys.executable, "-c", PROGRAM]
    with subprocess.Popen(command, env=environment, cwd=data) as process:
        try:
            target = Target(url, data / "renders", data / "uploads", process.pid)
            until_it_answers(target, process, within_s=PATIENCE_S)
            yield target
        finally:
            stop(process)


@contextmanager
def running_remotion(data: Path, *, program: Path = REMOTION, **settings: str) -> Generator[Target]:
    """A Remotion render server of one's own, on the leash that the reactor holds it by."""
    settings = {"REACTOR_REMOTION_OPENING_S": str(OPENING_S), **settings}
    url, environment = prepared(data, settings)
    with subprocess.Popen(
        [*LEASHED, "node", str(program)],
        env=environment,
        cwd=data,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as leash:
        try:
            assert leash.stdout is not None
            target = Target(url, data / "renders", data / "uploads", int(leash.stdout.readline()))
            # At the first start the project is bundled.
            until_it_answers(target, leash, within_s=BUNDLED_S)
            yield target
        finally:
            stop(leash)


def until_it_answers(target: Target, process: subprocess.Popen[bytes], *, within_s: float) -> None:
    """Wait for a server that was just started; not any longer once it has ended."""
    observed(
        lambda: process.poll() is not None or answers(target), lambda over: over, within_s=within_s
    )
    assert process.poll() is None, "the render server ended at once"


def stop(process: subprocess.Popen[bytes]) -> None:
    """End it, in peace if it listens."""
    process.terminate()
    try:
        process.wait(PATIENCE_S)
    except subprocess.TimeoutExpired:
        process.kill()


def prepared(data: Path, settings: dict[str, str]) -> tuple[str, dict[str, str]]:
    """A data directory with media in it; the address and the environment of a server for it."""
    data.mkdir(parents=True, exist_ok=True)
    (data / "uploads").mkdir(exist_ok=True)
    make_media(data / "uploads")
    url = f"http://127.0.0.1:{free_port()}"
    inherited = {name: v for name, v in os.environ.items() if not name.startswith("REACTOR_")}
    return url, {
        **inherited,
        "PYTHONPATH": str(ROOT),
        "REACTOR_DATA": str(data),
        "REACTOR_RENDERER_URL": url,
        **settings,
    }


def answers(target: Target) -> bool:
    """Whether the server can be reached."""
    try:
        with target.client() as client:
            return client.get("/health").status_code == 200
    except httpx.TransportError:
        return False


def make_media(folder: Path) -> None:
    """A second of sound, two pictures and half a second of film."""
    with wave.open(str(folder / "tone.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        tone = (round(9_000 * math.sin(index / 9)) for index in range(16_000))
        file.writeframes(b"".join(struct.pack("<h", sample) for sample in tone))
    Image.new("RGB", (640, 480), (200, 60, 40)).save(folder / "red.jpg")
    Image.new("RGBA", (300, 500), (40, 60, 200, 128)).save(folder / "blue.png")
    make_clip(folder / "clip.mp4", CYAN, size=(320, 180), fps=25, frames=13, hertz=440)

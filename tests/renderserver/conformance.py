"""The render-server contract as tests over HTTP; every server that keeps it passes them all.

Subclass `Conformance` with a name that begins with Test, and give it a fixture `target`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.renderserver.files import content
from tests.renderserver.orders import BAD, HOSTILE
from tests.renderserver.target import observed

if TYPE_CHECKING:
    from tests.renderserver.target import Target

SIZES = {"full_16_9": (1280, 720), "short_9_16": (720, 1280), "clip_1_1": (720, 720)}
PROPS: dict[str, dict[str, Any]] = {
    "title-card": {},
    "slideshow": {"images": ["red.jpg", "blue.png"], "captions": ["One", "Two"]},
    "audio-visualizer": {"audio": "tone.wav"},
    "edl-cut": {
        "clips": [
            {"source": "clip.mp4", "in_s": 0.2, "out_s": 0.5},
            {"source": "clip.mp4", "out_s": 0.3},
        ]
    },
}
CODECS = {"mp4": {"h264"}, "webm": {"vp9", "libvpx-vp9", "vp8", "av1", "libdav1d"}, "gif": {"gif"}}
LONG = {"title": "Long", "duration_s": 300, "fps": 30}


class Conformance:
    """What every render server does alike."""

    def test_health_says_what_it_can_do(self, target: Target) -> None:
        with target.client() as client:
            health = client.get("/health").json()

        assert health["ok"] is True
        assert set(PROPS) <= set(health["templates"])
        assert {*SIZES, "thumbnail"} == set(health["formats"])
        assert {"mp4", "webm", "gif", "jpg"} == set(health["containers"])
        assert health["capacity"] >= 1
        assert health["busy"] >= 0
        assert health["name"]
        assert health["version"]

    @pytest.mark.parametrize("shape", SIZES)
    @pytest.mark.parametrize("template", PROPS)
    def test_every_template_draws_every_format(
        self, target: Target, template: str, shape: str
    ) -> None:
        props = {**PROPS[template], "title": "Title", "duration_s": 0.6, "fps": 10}

        found = content(target.finished(template=template, format=shape, props=props))

        assert "h264" in found.codecs
        assert (found.size, found.frames) == (SIZES[shape], 6)

    @pytest.mark.parametrize("template", PROPS)
    def test_every_template_draws_a_thumbnail(self, target: Target, template: str) -> None:
        path = target.finished(
            template=template, format="thumbnail", container="jpg", props=PROPS[template]
        )

        found = content(path)
        assert path.read_bytes()[:3] == b"\xff\xd8\xff"
        assert (found.size, found.frames) == ((1280, 720), 1)

    @pytest.mark.parametrize("container", CODECS)
    @pytest.mark.parametrize("template", PROPS)
    def test_every_container_is_what_it_says(
        self, target: Target, template: str, container: str
    ) -> None:
        props = {**PROPS[template], "duration_s": 0.6, "fps": 10}

        found = content(
            target.finished(template=template, container=container, format="clip_1_1", props=props)
        )

        assert set(found.codecs) & CODECS[container]
        assert (found.size, found.frames) == ((720, 720), 6)

    def test_a_film_has_exactly_the_frames_of_its_duration(self, target: Target) -> None:
        path = target.finished(format="clip_1_1", props={"duration_s": 1.1, "fps": 24})

        found = content(path)
        assert found.frames == 26
        assert found.seconds == pytest.approx(26 / 24, abs=0.02)

    def test_assets_are_props_with_paths(self, target: Target) -> None:
        assets = {"audio": str(target.assets / "tone.wav")}

        path = target.finished(
            template="audio-visualizer", format="clip_1_1", assets=assets, props={"fps": 10}
        )

        assert content(path).frames == 10

    def test_unknown_props_are_not_looked_at(self, target: Target) -> None:
        props = {"duration_s": 0.5, "fps": 5, "campaign": {"id": 3}, "subtitle": None}

        assert target.finished(format="clip_1_1", props=props).is_file()

    @pytest.mark.parametrize("title", HOSTILE, ids=range(len(HOSTILE)))
    def test_any_title_is_only_a_title(self, target: Target, title: str) -> None:
        path = target.finished(format="thumbnail", props={"title": title, "subtitle": title})

        assert content(path).size == (1280, 720)

    @pytest.mark.parametrize(
        ("changes", "field"), [case[1:] for case in BAD], ids=[c[0] for c in BAD]
    )
    def test_bad_input_is_refused_by_name(
        self, target: Target, changes: dict[str, Any], field: str
    ) -> None:
        answer = target.post(target.order(**changes))

        assert answer.status_code == 400, answer.text
        error = answer.json()["error"]
        assert (error["class"], error["field"]) == ("input", field)
        assert error["message"].startswith(f"{field}: ")

    def test_an_unknown_template_is_told_the_known_ones(self, target: Target) -> None:
        message = target.post(target.order(template="foo")).json()["error"]["message"]

        assert "'foo' is unknown" in message
        assert [name for name in PROPS if name not in message] == []

    @pytest.mark.parametrize("body", [b"", b"{", b"[]", b"7", b'{"id":', b"[" * 10_000])
    def test_a_body_that_is_no_order_is_refused(self, target: Target, body: bytes) -> None:
        with target.client() as client:
            headers = {"content-type": "application/json"}
            answer = client.post("/render", content=body, headers=headers)

        assert answer.status_code == 400
        assert answer.json()["error"]["class"] == "input"

    def test_a_refused_id_can_be_used_again(self, target: Target) -> None:
        body = target.order(template="slideshow", props={"images": ["missing.jpg"]})
        assert target.post(body).status_code == 400

        good = {**body, "props": {"images": ["red.jpg"], "duration_s": 0.5, "fps": 5}}
        assert target.post(good).status_code == 202
        assert target.ended(body["id"])["status"] == "complete"

    def test_the_same_id_is_the_same_render(self, target: Target) -> None:
        body = target.begun()
        again = target.post(body)
        first = target.ended(body["id"])
        after_its_end = target.post(body)

        assert again.status_code == after_its_end.status_code == 202
        assert again.json()["id"] == body["id"]
        assert target.status(body["id"]) == first

    def test_a_file_is_never_overwritten(self, target: Target) -> None:
        path = target.finished()
        before = path.stat()

        answer = target.post(target.order(output_path=str(path)))

        assert answer.status_code == 400
        assert answer.json()["error"]["field"] == "output_path"
        assert path.stat() == before

    def test_what_is_unknown_is_not_found(self, target: Target) -> None:
        with target.client() as client:
            assert client.get("/status/never-1").status_code == 404
            assert client.post("/cancel/never-1").status_code == 404

    def test_progress_is_told_and_never_goes_back(self, target: Target) -> None:
        # So long that it cannot be over before we look.
        long = target.begun(props=LONG)["id"]
        first = target.drawing(long)
        further = observed(
            lambda: target.status(long), lambda now: now["progress"] > first["progress"]
        )
        target.cancel(long)
        body = target.begun(props={"title": "Progress", "duration_s": 1, "fps": 30})
        seen = [target.status(body["id"])]
        while seen[-1]["status"] in ("queued", "rendering"):
            seen.append(target.status(body["id"], wait_s=0.05))

        assert 0 < first["progress"] < further["progress"] < 1
        progress = [status["progress"] for status in seen]
        assert progress == sorted(progress)
        assert progress[-1] == 1.0
        assert {status["total_frames"] for status in seen} == {30}
        assert seen[-1]["rendered_frames"] == 30
        assert seen[-1]["output_path"] == body["output_path"]
        assert seen[-1]["error"] is None

    def test_a_file_has_its_name_only_when_it_is_whole(self, target: Target) -> None:
        body = target.begun(props={"title": "Whole", "duration_s": 1.5, "fps": 30})
        path = Path(body["output_path"])
        while target.status(body["id"])["status"] in ("queued", "rendering"):
            if path.exists():
                break

        assert content(path).frames == 45

    def test_a_cancelled_render_leaves_nothing(self, target: Target) -> None:
        body = target.begun(props=LONG)
        target.drawing(body["id"])

        assert target.cancel(body["id"])["status"] == "cancelled"
        assert target.status(body["id"])["status"] == "cancelled"
        assert not list(target.renders.glob(f"{Path(body['output_path']).name}*"))

    def test_a_finished_render_stays_finished_when_cancelled(self, target: Target) -> None:
        body = target.begun(format="thumbnail")
        target.ended(body["id"])

        assert target.cancel(body["id"])["status"] == "complete"
        assert Path(body["output_path"]).is_file()

    def test_more_renders_than_slots_are_turned_away(self, target: Target) -> None:
        with target.client() as client:
            capacity = client.get("/health").json()["capacity"]
        running = [target.begun(props=LONG)["id"] for _ in range(capacity)]
        try:
            answer = target.post(target.order())
            assert answer.status_code == 429
            assert answer.json()["error"]["class"] == "resource"
            with target.client() as client:
                assert client.get("/health").json()["busy"] == capacity
        finally:
            for name in running:
                target.cancel(name)

        assert target.finished(format="thumbnail").is_file()

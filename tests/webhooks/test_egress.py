"""The guarded way out, against a real server: where it goes, how long it waits, how much it takes."""

from __future__ import annotations

import hashlib
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import anyio
import pytest

from reactor.egress import EgressFailed, EgressRefused, open_egress
from reactor.settings import load
from tests.fix_reactor import PATIENCE_S
from tests.webhooks.certificate import client_side, server_side
from tests.webhooks.receiver import Receiver, answer, receiving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from reactor.egress import Egress

HERE = "127.0.0.1"
METADATA = "169.254.169.254"


class Names:
    """A resolver whose answers are given in turn; the last one stays."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> list[str]:
        self.asked.append(host)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@asynccontextmanager
async def opened(names: Names, allow: str = HERE, **how: object) -> AsyncIterator[Egress]:
    """A way out that may reach this machine, and resolves as it is told."""
    async with open_egress(load(egress_allow=(allow,)), resolve=names, **how) as egress:  # type: ignore[arg-type]
        yield egress


async def post(egress: Egress, url: str) -> int:
    return (await egress.post(url, body=b"{}", headers={}, within_s=PATIENCE_S)).status


async def test_a_body_is_sent_as_it_is(egress: Egress, receiver: Receiver) -> None:
    receiver.says(answer(418, b"tea", X_Pot="short"))

    came = await egress.post(
        receiver.url("/a?b=c"), body=b'{"a": 1}', headers={"X-Own": "yes"}, within_s=PATIENCE_S
    )

    [sent] = receiver.to("/a?b=c")
    assert (came.status, sent.body) == (200, b'{"a": 1}')
    assert sent.headers["host"] == f"127.0.0.1:{receiver.port}"
    assert (sent.headers["x-own"], sent.headers["accept-encoding"]) == ("yes", "identity")
    assert sent.headers["user-agent"].startswith("render-reactor/")
    teapot = await egress.post(receiver.url(), body=b"", headers={}, within_s=PATIENCE_S)
    assert (teapot.status, teapot.headers["x-pot"], teapot.body_prefix) == (418, "short", b"tea")


async def test_only_the_beginning_of_an_answer_is_read(egress: Egress, receiver: Receiver) -> None:
    # It claims more than it will ever send: whoever wants all of it waits for ever.
    receiver.says(answer(200, b"x" * 10_000, Content_Length="999999999"))

    came = await egress.post(receiver.url(), body=b"", headers={}, within_s=PATIENCE_S)

    assert came.body_prefix == b"x" * 4096


async def test_a_redirect_of_a_post_is_an_answer(egress: Egress, receiver: Receiver) -> None:
    receiver.says(answer(302, Location=receiver.url("/elsewhere")))

    assert await post(egress, receiver.url()) == 302
    assert receiver.to("/elsewhere") == []


async def test_who_does_not_answer_is_not_waited_for(egress: Egress, receiver: Receiver) -> None:
    # A slow machine needs longer until it has asked at all.
    for within_s in (0.2, 2.0, 20.0, PATIENCE_S):
        path = f"/{within_s:g}"
        receiver.hanging.add(path)
        with pytest.raises(EgressFailed, match=rf"127\.0\.0\.1: no answer within {within_s:g} s"):
            await egress.post(receiver.url(path), body=b"", headers={}, within_s=within_s)
        if receiver.to(path):
            break

    assert len(receiver.to(path)) == 1


async def test_a_resolver_that_hangs_is_not_waited_for(receiver: Receiver) -> None:
    async def hang(host: str, port: int) -> list[str]:
        await anyio.sleep_forever()
        return []

    async with open_egress(load(egress_allow=(HERE,)), resolve=hang) as egress:
        with pytest.raises(EgressFailed, match="no answer within"):
            await egress.post(receiver.url(), body=b"", headers={}, within_s=0.1)


async def test_nobody_there_is_a_sentence(egress: Egress) -> None:
    with pytest.raises(EgressFailed, match=r"^127\.0\.0\.1: "):
        await post(egress, "http://127.0.0.1:1/secret-token")


async def test_nonsense_instead_of_http_is_a_sentence(egress: Egress, receiver: Receiver) -> None:
    receiver.says(b"SSH-2.0-OpenSSH\r\n\r\n")

    with pytest.raises(EgressFailed) as failed:
        await post(egress, receiver.url("/hook"))

    assert "/hook" not in str(failed.value)


@pytest.mark.parametrize("host", ["localhost", "127.1", "0x7f000001", "2130706433", "[::1]", "[::ffff:127.0.0.1]"])  # fmt: skip
async def test_this_machine_is_refused_however_it_is_called(receiver: Receiver, host: str) -> None:
    async with open_egress(load()) as egress:
        with pytest.raises(EgressRefused, match="REACTOR_EGRESS_ALLOW"):
            await post(egress, receiver.url(host=host))

    assert receiver.sent == []


async def test_a_name_that_means_a_private_address_is_refused(receiver: Receiver) -> None:
    for address in ("10.0.0.1", METADATA, "::1", "fd00::1", "100.64.0.9"):
        async with opened(Names([address])) as egress:
            with pytest.raises(EgressRefused, match=r"rebind\.invalid is a private address"):
                await post(egress, receiver.url(host="rebind.invalid"))


async def test_the_connection_goes_to_the_address_that_was_checked(receiver: Receiver) -> None:
    """A second look-up would have been answered with another address, or not at all."""
    names = Names([HERE], [METADATA])
    async with opened(names) as egress:
        assert await post(egress, receiver.url(host="rebind.invalid")) == 200
        assert names.asked == ["rebind.invalid"]
        with pytest.raises(EgressRefused):
            await post(egress, receiver.url(host="rebind.invalid"))

    [sent] = receiver.sent
    assert sent.headers["host"] == f"rebind.invalid:{receiver.port}"


async def test_of_several_addresses_only_those_allowed_are_used(receiver: Receiver) -> None:
    async with opened(Names(["10.0.0.1", METADATA, HERE])) as egress:
        assert await post(egress, receiver.url(host="mixed.invalid")) == 200

    assert len(receiver.sent) == 1


async def test_an_address_where_nobody_is_leads_to_the_next(receiver: Receiver) -> None:
    async with opened(Names(["127.0.0.2", HERE]), allow="127.0.0.0/8") as egress:
        assert await post(egress, receiver.url(host="two.invalid")) == 200


async def test_an_unknown_name_is_a_sentence() -> None:
    async with open_egress(load()) as egress:
        for host in ("nobody.invalid", "a..b"):
            with pytest.raises(EgressFailed, match=f"{host}: the name is not known"):
                await post(egress, f"http://{host}/")


async def test_the_certificate_must_be_the_names_not_the_addresses(tmp_path: Path) -> None:
    async with (
        receiving(server_side(tmp_path)) as receiver,
        opened(Names([HERE]), verify=client_side()) as egress,
    ):
        receiver.keeps_open = True
        assert await post(egress, receiver.url(host="hooks.example")) == 200
        # The same address under another name: the first connection must not be taken for it.
        with pytest.raises(EgressFailed, match=r"other\.example: .*certificate"):
            await post(egress, receiver.url(host="other.example"))

    assert [sent.headers["host"] for sent in receiver.sent] == [f"hooks.example:{receiver.port}"]


async def test_proxies_of_the_environment_are_not_used(
    receiver: Receiver, egress: Egress, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")

    async with open_egress(load(egress_allow=(HERE,))) as fresh:
        assert await post(fresh, receiver.url()) == 200


async def test_a_download_lies_there_whole(
    egress: Egress, receiver: Receiver, tmp_path: Path
) -> None:
    body = bytes(range(256)) * 2000
    receiver.says(answer(200, body, Content_Type="Video/MP4; codecs=x"), path="/video")
    (tmp_path / "video.mp4.part").write_bytes(b"left by a crash, and longer than nothing")

    got = await egress.download(
        receiver.url("/video"), tmp_path / "video.mp4", most_bytes=len(body), within_s=PATIENCE_S
    )

    assert (tmp_path / "video.mp4").read_bytes() == body
    assert got.size_bytes == len(body)
    assert (got.sha256, got.media_type) == (hashlib.sha256(body).hexdigest(), "video/mp4")
    assert [path.name for path in tmp_path.iterdir()] == ["video.mp4"]


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"8\r\nabcdefgh\r\n" * 3


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        (answer(200, b"x" * 21), "larger than 20 bytes"),
        (CHUNKED, "larger than 20 bytes"),
        (answer(200, b"x", Content_Length="1" + "0" * 18), "larger than 20 bytes"),
        (answer(200, b"short", Content_Length="15"), "127.0.0.1: "),
        (answer(404, b"no"), "answered 404"),
        (answer(206, b"half"), "answered 206"),
        (answer(304), "answered 304"),
        (answer(200, b"zip", Content_Encoding="gzip"), "encoding 'gzip'"),
        (answer(302, Location="http://[nonsense"), "names no host"),
    ],
)
async def test_a_download_that_is_not_whole_leaves_nothing(
    egress: Egress, receiver: Receiver, tmp_path: Path, said: bytes, problem: str
) -> None:
    receiver.says(said)

    with pytest.raises((EgressFailed, EgressRefused), match=problem):
        await egress.download(receiver.url(), tmp_path / "a", most_bytes=20, within_s=PATIENCE_S)

    assert list(tmp_path.iterdir()) == []


async def test_the_status_of_a_failed_download_is_told(
    egress: Egress, receiver: Receiver, tmp_path: Path
) -> None:
    receiver.says(answer(404))

    with pytest.raises(EgressFailed) as failed:
        await egress.download(receiver.url(), tmp_path / "a", most_bytes=20, within_s=PATIENCE_S)

    assert failed.value.status == 404


async def test_a_download_that_stops_half_way_leaves_nothing(
    egress: Egress, receiver: Receiver, tmp_path: Path
) -> None:
    receiver.hanging.add("/hook")

    with pytest.raises(EgressFailed, match="no answer within"):
        await egress.download(receiver.url(), tmp_path / "a", most_bytes=20, within_s=0.2)

    assert list(tmp_path.iterdir()) == []


async def test_a_download_replaces_only_when_it_is_whole(
    egress: Egress, receiver: Receiver, tmp_path: Path
) -> None:
    (tmp_path / "a").write_bytes(b"old")
    receiver.says(answer(500), answer(200, b"new"))

    with pytest.raises(EgressFailed):
        await egress.download(receiver.url(), tmp_path / "a", most_bytes=20, within_s=PATIENCE_S)
    assert (tmp_path / "a").read_bytes() == b"old"
    await egress.download(receiver.url(), tmp_path / "a", most_bytes=20, within_s=PATIENCE_S)
    assert (tmp_path / "a").read_bytes() == b"new"


async def test_no_place_for_a_download_is_an_os_error(
    egress: Egress, receiver: Receiver, tmp_path: Path
) -> None:
    with pytest.raises(FileNotFoundError):
        await egress.download(
            receiver.url(), tmp_path / "nowhere" / "a", most_bytes=20, within_s=PATIENCE_S
        )


async def test_redirects_of_a_download_are_followed(
    egress: Egress, receiver: Receiver, tmp_path: Path
) -> None:
    for start, end in (("/1", "/2"), ("/2", receiver.url("/3")), ("/3", "/4")):
        receiver.says(answer(302, Location=end), path=start)
    receiver.says(answer(200, b"found"), path="/4")

    await egress.download(receiver.url("/1"), tmp_path / "a", most_bytes=20, within_s=PATIENCE_S)

    assert (tmp_path / "a").read_bytes() == b"found"
    assert [sent.path for sent in receiver.sent] == ["/1", "/2", "/3", "/4"]


@pytest.mark.parametrize(
    "location",
    [
        f"http://{METADATA}/latest/meta-data/",
        "http://localhost.invalid/",
        "file:///etc/passwd",
        "http://u:p@example.com/",
        "http://2852039166/",
    ],
)
async def test_every_redirect_is_checked_like_the_first(
    receiver: Receiver, tmp_path: Path, location: str
) -> None:
    receiver.says(answer(302, Location=location))
    async with opened(Names([HERE], [METADATA])) as egress:
        with pytest.raises(EgressRefused):
            await egress.download(
                receiver.url(), tmp_path / "a", most_bytes=20, within_s=PATIENCE_S
            )

    assert len(receiver.sent) == 1


async def test_redirects_in_a_circle_end(
    egress: Egress, receiver: Receiver, tmp_path: Path
) -> None:
    receiver.says(answer(302, Location="/hook"))

    with pytest.raises(EgressFailed, match="more than 3 redirects"):
        await egress.download(receiver.url(), tmp_path / "a", most_bytes=20, within_s=PATIENCE_S)

    assert len(receiver.sent) == 4

"""Signatures by the scheme's own test vector, and everything a stranger might send instead."""

from __future__ import annotations

import base64
import re
from pathlib import Path
from typing import Any

import pytest

import reactor
from reactor.signature import BadSignature, new_secret, read_key, sign, signed_headers, verify

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
MESSAGE = "msg_p5jXN8AQM9LWM0D4loKWxJek"
SENT_AT = 1614265330
BODY = b'{"test": 2432232314}'
SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
HEADERS = {
    "webhook-id": MESSAGE,
    "webhook-timestamp": str(SENT_AT),
    "webhook-signature": SIGNATURE,
}


def secret_of(key: bytes) -> str:
    return "whsec_" + base64.b64encode(key).decode()


def test_the_published_vector() -> None:
    assert sign(SECRET, MESSAGE, SENT_AT, BODY) == SIGNATURE
    assert signed_headers(SECRET, MESSAGE, SENT_AT, BODY) == HEADERS
    assert verify(SECRET, HEADERS, BODY, now_s=SENT_AT) == MESSAGE


def test_every_new_secret_signs_and_is_another() -> None:
    secrets = {new_secret() for _ in range(50)}

    assert len(secrets) == 50
    for secret in secrets:
        assert len(read_key(secret)) == 32
        assert verify(secret, signed_headers(secret, "m", 5, BODY), BODY, now_s=5) == "m"


@pytest.mark.parametrize("size", [24, 64])
def test_keys_of_the_allowed_lengths_are_taken(size: int) -> None:
    assert read_key(secret_of(bytes(size))) == bytes(size)


@pytest.mark.parametrize(
    "secret",
    [
        "",
        "whsec_",
        "hunter2",
        SECRET.removeprefix("whsec_"),
        "whsec_not base64 at all, but long enough",
        "whsec_ünïcode-ünïcode-ünïcode-ünïcode",
        secret_of(bytes(23)),
        secret_of(bytes(65)),
    ],
)
def test_a_secret_that_cannot_sign_is_refused_without_being_shown(secret: str) -> None:
    with pytest.raises(ValueError, match="24 to 64 bytes") as refused:
        read_key(secret)

    assert not secret.removeprefix("whsec_") or secret not in str(refused.value)


@pytest.mark.parametrize(
    "signatures",
    [
        f"v1,AAAA {SIGNATURE}",
        f"{SIGNATURE} v1,AAAA",
        f"nonsense v1a,{SIGNATURE[3:]} , {SIGNATURE}",
    ],
)
def test_one_signature_that_matches_is_enough(signatures: str) -> None:
    headers = {**HEADERS, "webhook-signature": signatures}
    assert verify(SECRET, headers, BODY, now_s=SENT_AT) == MESSAGE


@pytest.mark.parametrize(
    "changed",
    [
        {"webhook-id": "msg_other"},
        {"webhook-id": ""},
        {"webhook-timestamp": str(SENT_AT + 1)},
        {"webhook-timestamp": ""},
        {"webhook-timestamp": "soon"},
        {"webhook-timestamp": f"+{SENT_AT}"},
        {"webhook-timestamp": "\uff11614265330"},
        {"webhook-timestamp": "9" * 5000},
        {"webhook-signature": ""},
        {"webhook-signature": "v1,"},
        {"webhook-signature": SIGNATURE[:-1]},
        {"webhook-signature": SIGNATURE.replace("v1,", "v2,")},
        {"webhook-signature": "v1,\u00fc"},
    ],
)
def test_what_was_changed_on_the_way_is_refused(changed: dict[str, str]) -> None:
    with pytest.raises(BadSignature):
        verify(SECRET, {**HEADERS, **changed}, BODY, now_s=SENT_AT)


def test_another_body_another_secret_and_no_headers_are_refused() -> None:
    for secret, headers, body in (
        (SECRET, HEADERS, BODY + b" "),
        (new_secret(), HEADERS, BODY),
        (SECRET, {}, BODY),
    ):
        with pytest.raises(BadSignature):
            verify(secret, headers, body, now_s=SENT_AT)


@pytest.mark.parametrize("away_s", [300, -300])
def test_clocks_may_differ_a_little(away_s: int) -> None:
    assert verify(SECRET, HEADERS, BODY, now_s=SENT_AT + away_s) == MESSAGE


@pytest.mark.parametrize("away_s", [301, -301])
def test_old_messages_may_be_a_strangers_replay(away_s: int) -> None:
    with pytest.raises(BadSignature, match="300 s"):
        verify(SECRET, HEADERS, BODY, now_s=SENT_AT + away_s)


def test_the_code_that_the_docs_offer_to_receivers_works(monkeypatch: pytest.MonkeyPatch) -> None:
    docs = Path(reactor.__file__).parent.parent / "docs" / "webhooks.md"
    [code] = re.findall(r"```python\n(import base64.*?)```", docs.read_text("utf-8"), re.DOTALL)
    receiver: dict[str, Any] = {}
    exec(code, receiver)  # noqa: S102 - our own page
    monkeypatch.setattr(receiver["time"], "time", lambda: SENT_AT + 300.0)

    assert receiver["authentic"](SECRET, HEADERS, BODY)
    assert not receiver["authentic"](SECRET, HEADERS, BODY + b" ")
    assert not receiver["authentic"](new_secret(), HEADERS, BODY)
    monkeypatch.setattr(receiver["time"], "time", lambda: SENT_AT + 301.0)
    assert not receiver["authentic"](SECRET, HEADERS, BODY)

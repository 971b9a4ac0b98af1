"""Signatures of webhooks by the standard-webhooks scheme v1: HMAC-SHA256 over id, time and raw body.

A receiver needs `verify` and its secret; the same id again is the same message.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

PREFIX = "whsec_"
SHORTEST_KEY, LONGEST_KEY = 24, 64
TOLERANCE_S = 300
"""How far the sender's clock and ours may differ; older messages may be replays by a stranger."""


class BadSignature(Exception):
    """The message is not from whom it claims to be, or not fresh."""


def new_secret() -> str:
    """A secret nobody can guess: 32 random bytes."""
    return PREFIX + base64.b64encode(secrets.token_bytes(32)).decode("ascii")


def read_key(secret: str) -> bytes:
    """The key inside a secret; ValueError says how one is written, without showing it."""
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not secret.startswith(PREFIX) or not SHORTEST_KEY <= len(key) <= LONGEST_KEY:
        raise ValueError(
            f"must be {PREFIX} and {SHORTEST_KEY} to {LONGEST_KEY} bytes in base64; "
            "leave it out and one is made"
        )
    return key


def sign(secret: str, message_id: str, sent_at: int, body: bytes) -> str:
    """The signature of one try; `sent_at` in Unix seconds."""
    content = b".".join((message_id.encode(), str(sent_at).encode(), body))
    digest = hmac.digest(read_key(secret), content, hashlib.sha256)
    return "v1," + base64.b64encode(digest).decode("ascii")


def signed_headers(secret: str, message_id: str, sent_at: int, body: bytes) -> dict[str, str]:
    """The three headers that go with a body."""
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(sent_at),
        "webhook-signature": sign(secret, message_id, sent_at, body),
    }


def verify(
    secret: str, headers: Mapping[str, str], body: bytes, *, now_s: float | None = None
) -> str:
    """The id of an authentic message, or BadSignature.

    `body` is what came over the wire, byte for byte; header names in lower case, unless the mapping
    does not mind. Several signatures (a secret is being changed) count when one of them matches.
    """
    message_id = headers.get("webhook-id") or ""
    stamp = headers.get("webhook-timestamp") or ""
    # Only the form the sender writes: "１" and "1_0" are numbers for Python, too.
    if not message_id or not (stamp.isascii() and stamp.isdecimal() and len(stamp) <= 15):
        raise BadSignature("webhook-id or webhook-timestamp is missing or not readable")
    if abs((time.time() if now_s is None else now_s) - int(stamp)) > TOLERANCE_S:
        raise BadSignature(f"webhook-timestamp is more than {TOLERANCE_S} s from now")
    expected = sign(secret, message_id, int(stamp), body).encode()
    given = (headers.get("webhook-signature") or "").split(" ")
    if not any([hmac.compare_digest(expected, one.encode()) for one in given]):
        raise BadSignature("webhook-signature does not match")
    return message_id

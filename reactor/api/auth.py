"""The token: with one set, everything but `/health` and `/ready` is for those who show it.

Programs send `Authorization: Bearer <token>`. Browsers ask people for a name and a password: any name,
and the token.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from typing import TYPE_CHECKING

from reactor.api.problem import problem

if TYPE_CHECKING:
    from pydantic import SecretStr
    from starlette.types import ASGIApp, Receive, Scope, Send

OPEN = ("/health", "/ready")
"""What an orchestrator asks; it tells no more than whether work can be done."""
CHALLENGE = 'Basic realm="render reactor", Bearer'


class TokenRequired:
    """Lets through what shows the token; no answer says how close a wrong one was."""

    def __init__(self, app: ASGIApp, token: SecretStr) -> None:
        self.app = app
        self.token = token.get_secret_value().encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check HTTP requests and WebSockets."""
        if scope["type"] == "lifespan" or scope["path"] in OPEN or self.is_shown(scope):
            await self.app(scope, receive, send)
            return
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": "a token is needed"})
            return
        answer = problem(
            401,
            "a token is needed: send `Authorization: Bearer <token>`, as REACTOR_TOKEN has it",
            path=scope["path"],
            headers={"WWW-Authenticate": CHALLENGE, "Cache-Control": "no-store"},
        )
        await answer(scope, receive, send)

    def is_shown(self, scope: Scope) -> bool:
        """Whether the request brings the token, in either way."""
        found = next((value for name, value in scope["headers"] if name == b"authorization"), b"")
        scheme, _, said = found.strip().partition(b" ")
        secret = said.strip() if scheme.lower() == b"bearer" else password(scheme, said)
        # Comparing takes as long for a wrong first letter as for a wrong last one.
        return hmac.compare_digest(secret, self.token)


def password(scheme: bytes, said: bytes) -> bytes:
    """The password of HTTP Basic; empty when it is something else."""
    if scheme.lower() != b"basic":
        return b""
    try:
        return base64.b64decode(said.strip(), validate=True).partition(b":")[2]
    except binascii.Error:
        return b""

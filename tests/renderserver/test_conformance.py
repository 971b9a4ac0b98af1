"""The embedded render server keeps the contract."""

from __future__ import annotations

from tests.renderserver.conformance import Conformance


class TestRenderServer(Conformance):
    """Every test of the suite, against the server that conftest chooses."""

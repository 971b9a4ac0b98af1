"""The Remotion render server keeps the contract."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.renderserver.conformance import Conformance

if TYPE_CHECKING:
    from tests.renderserver.target import Target


class TestRemotion(Conformance):
    """Every test of the suite, against the server of `remotion/`."""

    @pytest.fixture
    def target(self, remotion: Target) -> Target:
        """The Remotion server."""
        return remotion

"""Material that lies elsewhere."""

from __future__ import annotations

from collections import Counter
from threading import Thread
from typing import TYPE_CHECKING

import pytest

from tests.downloads.shelf import Answer, Shelf

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def shelf() -> Iterator[Shelf]:
    """A running web server."""
    with Shelf(("127.0.0.1", 0), Answer) as server:
        server.asked = Counter()
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()

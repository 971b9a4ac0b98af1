"""The data directory that the embedded server's user can enter."""

from __future__ import annotations

from tests.embedded.conftest import cluster_dir

__all__ = ["cluster_dir"]

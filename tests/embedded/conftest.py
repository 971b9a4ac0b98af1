"""Data directories the server's user can reach, and other processes that use a server."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from reactor.db import embedded
from tests.embedded.servers import DEADLINE_S, GRACE_S, User, server_pid, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager

    Users = Callable[..., AbstractContextManager[User]]


@pytest.fixture
def user() -> Users:
    """Start another process as a user of the server."""

    @contextmanager
    def start(data: Path, *, version: int = 18, prefix: Sequence[str] = ()) -> Iterator[User]:
        other = User(data, version=version, prefix=prefix)
        try:
            yield other
        finally:
            other.process.kill()
            other.leave()

    return start


@pytest.fixture
def cluster_dir(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A data directory that any user can enter (tmp_path is 0700), without its server at the end."""
    monkeypatch.setattr(embedded, "GRACE_S", GRACE_S)
    directory = Path(tempfile.mkdtemp(prefix="reactor-test-"))
    directory.chmod(0o755)
    data = directory / "data"
    yield data
    wait_until(lambda: server_pid(data) is None)
    shutil.rmtree(directory)


@pytest.fixture(scope="session")
def template() -> Iterator[Path]:
    """A data directory that was made once, to copy."""
    directory = Path(tempfile.mkdtemp(prefix="reactor-test-"))
    directory.chmod(0o755)
    embedded.ensure(directory, durable=False).close(wait_s=DEADLINE_S)
    yield directory / "postgres"
    shutil.rmtree(directory)


@pytest.fixture
def made_dir(cluster_dir: Path, template: Path) -> Path:
    """A data directory that has a database already."""
    cluster_dir.mkdir()
    subprocess.run(["/bin/cp", "-a", template, cluster_dir / "postgres"], check=True)
    return cluster_dir

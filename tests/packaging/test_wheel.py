"""The wheel carries all it needs and works far from the checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TIMEOUT_S = 600


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built without a network."""
    directory = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(directory)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=TIMEOUT_S)
    (built,) = directory.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def elsewhere(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python that has the wheel installed; its dependencies are the ones we run with."""
    place = tmp_path_factory.mktemp("elsewhere") / "venv"
    venv.create(place, with_pip=False)
    python = place / "bin/python"
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install"]
    options = ["--no-deps", "--no-index", str(wheel)]
    subprocess.run([*pip, *options], check=True, capture_output=True, timeout=TIMEOUT_S)
    (site,) = place.glob("lib/python*/site-packages")
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return python


@pytest.fixture
def environment(cluster_dir: Path) -> dict[str, str]:
    """A newcomer's environment: no settings but where the data goes."""
    ours = ("REACTOR_", "PYTHON", "DATABASE_URL", "PG")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return {**kept, "REACTOR_DATA": str(cluster_dir)}


def test_the_wheel_holds_every_sql_file_and_no_tests(wheel: Path) -> None:
    inside = set(zipfile.ZipFile(wheel).namelist())
    sources = {f"reactor/{path.relative_to(ROOT)}" for path in (ROOT / "sql").rglob("*.sql")}

    assert sources
    assert sources <= inside
    assert {name.split("/")[0] for name in inside if not name.startswith("render_reactor-")} == {
        "reactor"
    }


def reactor(
    python: Path, directory: Path, environment: dict[str, str], *arguments: str
) -> subprocess.CompletedProcess[str]:
    """Run a command of the installed wheel to its end."""
    return subprocess.run(
        [str(python), "-m", "reactor", *arguments],
        cwd=directory,
        env=environment,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )


def test_the_installed_wheel_migrates_an_embedded_database(
    elsewhere: Path, tmp_path: Path, environment: dict[str, str]
) -> None:
    migrated = reactor(elsewhere, tmp_path, environment, "migrate")
    checked = reactor(elsewhere, tmp_path, environment, "migrate", "--check")

    assert migrated.returncode == 0, migrated.stderr
    assert checked.returncode == 0, checked.stderr


def test_the_installed_wheel_says_that_remotion_needs_a_checkout(
    elsewhere: Path, tmp_path: Path, environment: dict[str, str]
) -> None:
    refused = reactor(elsewhere, tmp_path, environment, "demo", "--renderer", "remotion")

    assert refused.returncode == 78
    assert "from a checkout of the repository" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1


def test_the_installed_reactor_is_the_one_from_the_wheel(
    elsewhere: Path, tmp_path: Path, environment: dict[str, str]
) -> None:
    command = [str(elsewhere), "-c", "import reactor; print(reactor.__file__)"]
    shown = subprocess.check_output(command, cwd=tmp_path, env=environment, text=True)

    assert Path(shown.strip()).is_relative_to(elsewhere.parents[1])

"""The blocking client is made from the async one, and importing the package costs nothing."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

import reactor
from reactor import Farm, SyncFarm

ROOT = Path(reactor.__file__).parent.parent
TWIN = Path("reactor/farm/blocking")
BY_HAND = {"__init__.py", "primitives.py", "db/__init__.py"}


def test_the_twin_is_what_the_generator_makes(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, ROOT / "tools/make_blocking.py", tmp_path], check=True, timeout=120
    )
    made = {p.relative_to(tmp_path / TWIN): p.read_text() for p in tmp_path.rglob("*.py")}
    here = {
        p.relative_to(ROOT / TWIN): p.read_text()
        for p in (ROOT / TWIN).rglob("*.py")
        if str(p.relative_to(ROOT / TWIN)) not in BY_HAND
    }

    assert sorted(made) == sorted(here)
    stale = [str(path) for path in made if made[path] != here[path]]
    assert stale == [], "run python tools/make_blocking.py"


def test_both_flavours_have_the_same_methods() -> None:
    def methods(kind: type) -> dict[str, list[str]]:
        return {
            name: list(inspect.signature(member).parameters)
            for name, member in vars(kind).items()
            if callable(member) and not name.startswith("_")
        }

    assert methods(Farm) == methods(SyncFarm)
    assert len(methods(Farm)) >= 9


def test_nothing_in_the_twin_is_async() -> None:
    found = [member for member in vars(SyncFarm).values() if inspect.iscoroutinefunction(member)]

    assert found == []


def test_importing_the_package_imports_no_driver() -> None:
    heavy = "{'psycopg', 'pydantic', 'anyio', 'fastapi', 'av'}"
    code = f"import reactor, sys; print(reactor.__version__, {heavy} & set(sys.modules))"

    shown = subprocess.check_output([sys.executable, "-c", code], cwd=ROOT, text=True)

    assert shown.split() == [reactor.__version__, "set()"]


def test_the_client_imports_no_daemon() -> None:
    heavy = (
        "{'fastapi', 'av', 'uvicorn', 'structlog', 'typer', 'reactor.settings', 'reactor.loops'}"
    )
    code = f"from reactor import Farm, SyncFarm; import sys; print({heavy} & set(sys.modules))"

    shown = subprocess.check_output([sys.executable, "-c", code], cwd=ROOT, text=True)

    assert shown.strip() == "set()"


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    name = "nonesuch"
    with pytest.raises(AttributeError, match=name):
        getattr(reactor, name)


def test_the_types_name_what_can_be_imported() -> None:
    stub = (ROOT / "reactor/__init__.pyi").read_text()

    assert sorted(re.findall(r" as (\w+)$", stub, re.M)) == [
        "Farm",
        "JobRecord",
        "NewJob",
        "SyncFarm",
    ]
    for name in ("Farm", "JobRecord", "NewJob", "SyncFarm"):
        assert getattr(reactor, name).__name__ == name

"""The rules of the house that a machine can check."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import reactor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

ROOT = Path(reactor.__file__).parent.parent
MODULES = sorted((ROOT / "reactor").rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
LONGEST_FILE = 300
NAMELESS = {"utils", "util", "helpers", "helper", "manager", "service", "common", "misc", "tools"}
WAVED_THROUGH = re.compile(r"#\s*type:\s*ignore|\b(TODO|FIXME|XXX)\b")
MOCKS = re.compile(
    r"^\s*(from|import) (unittest\.mock|unittest import mock|mock|pytest_mock)\b", re.M
)
# uvicorn runs on asyncio and on nothing else.
NEEDS_ASYNCIO = {"reactor/httpserver.py"}
FLOORS = (
    "cli",
    "daemon",
    "routes",
    "router",
    "context",
    "loops",
    "media",
    "db",
    "events",
    "models",
)


def offenders(paths: Iterable[Path], wrong: Callable[[Path, str], object]) -> list[str]:
    """The files that break a rule, named from the root."""
    return [str(path.relative_to(ROOT)) for path in paths if wrong(path, path.read_text("utf-8"))]


def test_there_are_modules_and_tests_to_look_at() -> None:
    assert len(MODULES) > 50
    assert len(TESTS) > 30


def test_files_fit_into_a_head() -> None:
    assert offenders(MODULES, lambda _, text: len(text.splitlines()) > LONGEST_FILE) == []


def test_every_module_says_what_lives_there() -> None:
    def is_silent(_: Path, text: str) -> bool:
        tree = ast.parse(text)
        return bool(tree.body) and not ast.get_docstring(tree)

    assert offenders([*MODULES, *TESTS], is_silent) == []


def test_every_module_has_a_name_of_its_own() -> None:
    def is_nameless(path: Path, _: str) -> bool:
        return bool(NAMELESS & set(path.relative_to(ROOT).with_suffix("").parts))

    assert offenders([*MODULES, *TESTS], is_nameless) == []


def test_only_anyio_speaks_to_the_event_loop() -> None:
    found = offenders(MODULES, lambda _, text: imported(text) & {"asyncio", "trio"})

    assert set(found) <= NEEDS_ASYNCIO


def test_imports_are_absolute() -> None:
    assert offenders(MODULES, lambda _, text: "" in imported(text)) == []


def imported(text: str) -> set[str]:
    """The packages a module imports, wherever in it; "" for a relative import."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add("" if node.level else (node.module or "").partition(".")[0])
    return names


def test_nothing_is_waved_through() -> None:
    """No ignored types, no notes to oneself."""
    assert offenders(MODULES, lambda _, text: WAVED_THROUGH.search(text)) == []


def test_tests_use_the_real_thing() -> None:
    assert offenders(TESTS, lambda _, text: MOCKS.search(text)) == []


def test_floors_are_written_down_for_import_linter() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    contracts = settings["tool"]["importlinter"]["contracts"]
    layers = " ".join(
        layer
        for contract in contracts
        if contract["type"] == "layers"
        for layer in contract["layers"]
    )

    assert [floor for floor in FLOORS if not re.search(rf"\b{floor}\b", layers)] == []

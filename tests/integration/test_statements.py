"""SQL is text in `sql/`: each statement has one function, each function its statement, and all are valid."""

from __future__ import annotations

import ast
import importlib
import re
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

import reactor
from reactor.db.statements import sql_dir, statements

if TYPE_CHECKING:
    from reactor.db.pool import Database

PACKAGE = Path(reactor.__file__).parent
NOUNS = sorted(path.stem for path in (sql_dir() / "queries").glob("*.sql"))
NAMED = [(noun, name) for noun in NOUNS for name in statements(noun)]
PLACEHOLDER = re.compile(r"%\((\w+)\)s")
SPEAKS_SQL = re.compile(
    r"\s*(SELECT\s.+\sFROM\s|SELECT\s+\w+(\.\w+)?\(|INSERT\s+INTO\s|UPDATE\s+\S+\s+SET\s|DELETE\s+FROM\s"
    r"|CREATE\s+(TABLE|ROLE|SCHEMA)\s)",
    re.DOTALL,
)


def functions(noun: str) -> dict[str, ast.AsyncFunctionDef]:
    """The public coroutines of a noun's module."""
    tree = ast.parse((PACKAGE / "db" / f"{noun}.py").read_text("utf-8"))
    found = [node for node in tree.body if isinstance(node, ast.AsyncFunctionDef)]
    return {node.name: node for node in found if not node.name.startswith("_")}


def statements_used(node: ast.AST) -> list[str]:
    """The names in `SQL["..."]` below this node."""
    return [
        sub.slice.value
        for sub in ast.walk(node)
        if isinstance(sub, ast.Subscript)
        and isinstance(sub.value, ast.Name)
        and sub.value.id == "SQL"
        and isinstance(sub.slice, ast.Constant)
        and isinstance(sub.slice.value, str)
    ]


@pytest.mark.parametrize("noun", NOUNS)
def test_every_statement_has_its_function_and_every_function_its_statement(noun: str) -> None:
    assert {name: statements_used(node) for name, node in functions(noun).items()} == {
        name: [name] for name in statements(noun)
    }


@pytest.mark.parametrize("noun", NOUNS)
def test_statements_stand_in_the_order_of_their_functions(noun: str) -> None:
    assert list(functions(noun)) == list(statements(noun))


def test_no_statement_is_hidden_by_another_of_its_name() -> None:
    headers = [
        name
        for noun in NOUNS
        for name in re.findall(
            r"^-- name: (\w+)", (sql_dir() / "queries" / f"{noun}.sql").read_text(), re.M
        )
    ]

    assert sorted(headers) == sorted(name for _, name in NAMED)
    assert len(set(headers)) == len(headers)


@pytest.mark.parametrize(("noun", "name"), NAMED)
def test_every_statement_is_explained_in_one_line(noun: str, name: str) -> None:
    first = statements(noun)[name].splitlines()[0]

    assert re.match(r"-- \w.{10,}", first), first


async def test_every_statement_is_valid_on_the_schema(database: Database) -> None:
    invalid = {}
    for noun, name in NAMED:
        text = statements(noun)[name]
        nothing = dict.fromkeys(PLACEHOLDER.findall(text))
        # Its own connection each, because its time is limited.
        async with database.connection() as conn:
            try:
                await conn.execute(b"EXPLAIN " + text.encode(), nothing)
            except psycopg.Error as wrong:
                invalid[noun, name] = str(wrong)

    assert invalid == {}


@pytest.mark.parametrize(("noun", "name"), NAMED)
def test_a_statement_takes_what_its_function_gives(noun: str, name: str) -> None:
    """Where they are written as one dict literal; spread ones are seen by the tests that run them."""
    given: set[str] = set()
    for node in ast.walk(functions(noun)[name]):
        if isinstance(node, ast.Dict):
            if None in node.keys or not all(isinstance(key, ast.Constant) for key in node.keys):
                return
            given |= {str(key.value) for key in node.keys if isinstance(key, ast.Constant)}
    if given:
        assert given == set(PLACEHOLDER.findall(statements(noun)[name]))


@pytest.mark.parametrize("noun", NOUNS)
def test_a_noun_reads_its_own_file(noun: str) -> None:
    assert importlib.import_module(f"reactor.db.{noun}").SQL is statements(noun)


def test_sql_is_nowhere_else() -> None:
    spoken = [
        f"{path.relative_to(PACKAGE)}:{node.lineno}: {node.value[:60]}"
        for path in sorted(PACKAGE.rglob("*.py"))
        if path.parent != PACKAGE / "db"
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and SPEAKS_SQL.match(node.value)
    ]

    assert spoken == []


def test_the_search_for_sql_finds_sql() -> None:
    for text in (
        "SELECT id FROM t",
        "SELECT reactor.pause()",
        "\n UPDATE t SET a = 1",
        "INSERT INTO t VALUES (1)",
    ):
        assert SPEAKS_SQL.match(text)
    for text in ("Select a row and press play", "UPDATE available", "retry(id)"):
        assert not SPEAKS_SQL.match(text)


async def test_an_unknown_name_is_an_error_of_its_own(database: Database) -> None:
    """The EXPLAIN above would notice a column that is not there."""
    async with database.connection() as conn:
        with pytest.raises(psycopg.errors.UndefinedColumn):
            await conn.execute("EXPLAIN SELECT nonesuch FROM actp_gen_jobs")

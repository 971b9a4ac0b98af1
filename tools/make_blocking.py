"""Make the blocking twin of the Python client from its async source: `python tools/make_blocking.py [ROOT]`.

Of each module below only what is async, or needs something that is, gets a twin; all else (types,
constants, plain functions) is imported from the original, so that both flavours share it. Tokens are
changed, not trees: comments and line breaks stay as they are, and ruff puts the rest in order.
"""

from __future__ import annotations

import ast
import io
import subprocess
import sys
import tempfile
import tokenize
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
TWIN = "reactor.farm.blocking"
SOURCES = (
    "reactor.db.commands",
    "reactor.db.events",
    "reactor.db.jobs",
    "reactor.db.projects",
    "reactor.db.publish_queue",
    "reactor.jobs",
    "reactor.publish_queue",
    "reactor.farm.connections",
    "reactor.farm.ears",
    "reactor.farm.log",
    "reactor.farm.wait",
    "reactor.farm.client",
)
BY_HAND = "reactor.farm.primitives"
NAMES = {
    "AsyncConnection": "Connection",
    "AsyncConnectionPool": "ConnectionPool",
    "AsyncGenerator": "Generator",
    "AsyncIterator": "Iterator",
    "Farm": "SyncFarm",
    "__aenter__": "__enter__",
    "__aexit__": "__exit__",
    "aclosing": "closing",
    "asynccontextmanager": "contextmanager",
}
ASYNC = (ast.AsyncFunctionDef, ast.AsyncFor, ast.AsyncWith, ast.Await)
RULES = "F401,I,TC,SIM117,UP028"
"""What ruff puts in order: imports, and what is spelled shorter without async."""
NOT_KEPT = (ast.Import, ast.ImportFrom, ast.If, ast.Expr)


class Source(NamedTuple):
    """A module of the async client, and which of its names get a twin."""

    module: str
    text: str
    tree: ast.Module
    twins: frozenset[str]


def main() -> None:
    """Write the twin below the given root; the checkout's own by default."""
    root = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT
    sources = read_sources()
    # Aside first: what does not come out right replaces nothing.
    with tempfile.TemporaryDirectory() as aside:
        made = {
            path_of(twin_of(name), Path(aside)): path_of(twin_of(name), root) for name in sources
        }
        for path, source in zip(made, sources.values(), strict=True):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(translated(source, sources), "utf-8")
        put_in_order(list(made))
        for path, target in made.items():
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())


def read_sources() -> dict[str, Source]:
    """Every source, those that are imported before those that import them."""
    sources: dict[str, Source] = {}
    for module in SOURCES:
        text = path_of(module, ROOT).read_text("utf-8")
        tree = ast.parse(text)
        sources[module] = Source(module, text, tree, find_twins(tree, sources))
    return sources


def find_twins(tree: ast.Module, sources: dict[str, Source]) -> frozenset[str]:
    """The names of what is async itself, or uses a name that is."""
    tainted = set(NAMES) | imported_twins(tree, sources)
    twins: set[str] = set()
    while True:
        found = {
            name
            for node in tree.body
            if not isinstance(node, NOT_KEPT) and needs_twin(node, tainted | twins)
            for name in names_of(node)
        }
        if found <= twins:
            return frozenset(twins)
        twins |= found


def imported_twins(tree: ast.Module, sources: dict[str, Source]) -> set[str]:
    """The names this module imports that mean something else in the twin."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                source = sources.get(node.module)
                if whole in sources or (source and alias.name in source.twins):
                    names.add(alias.name)
    return names


def needs_twin(node: ast.stmt, tainted: set[str]) -> bool:
    """Whether anything below this statement is async or is called like something that is."""
    return any(
        isinstance(below, ASYNC)
        or (isinstance(below, ast.Name) and isinstance(below.ctx, ast.Load) and below.id in tainted)
        for below in ast.walk(node)
    )


def names_of(node: ast.stmt) -> list[str]:
    """What a top-level statement defines."""
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            return [node.name]
        case ast.Assign():
            return [target.id for target in node.targets if isinstance(target, ast.Name)]
        case ast.AnnAssign(target=ast.Name(id=name)):
            return [name]
    return []


def translated(source: Source, sources: dict[str, Source]) -> str:
    """The twin of a module, its imports unsorted and some of them unused."""
    origin = source.module.replace(".", "/") + ".py"
    kept = [node for node in source.tree.body if set(names_of(node)) & source.twins]
    bodies = [without_async(text_of(node, source)) for node in kept]
    shared = {
        name
        for node in source.tree.body
        if not isinstance(node, NOT_KEPT)
        for name in names_of(node)
    } - source.twins
    parts = [
        f"# Generated by tools/make_blocking.py from {origin}; do not edit.",
        f'"""{ast.get_docstring(source.tree)}\n"""',
        *(f"from {source.module} import {name}" for name in sorted(shared)),
        *imports_of(source.tree, sources),
        *bodies,
    ]
    return "\n\n".join(parts) + "\n"


def text_of(node: ast.stmt, source: Source) -> str:
    """A statement as it is written, with its decorators and the comment above it."""
    lines = source.text.splitlines()
    decorators = getattr(node, "decorator_list", [])
    first = min([node.lineno, *(decorator.lineno for decorator in decorators)]) - 1
    while first and lines[first - 1].startswith("#"):
        first -= 1
    return "\n".join(lines[first : node.end_lineno])


def imports_of(tree: ast.Module, sources: dict[str, Source]) -> list[str]:
    """All imports, from where the twin finds the same names."""
    found = []
    for node in tree.body:
        match node:
            case ast.ImportFrom() | ast.Import():
                found += imports_from(node, sources)
            case ast.If(test=ast.Name(id="TYPE_CHECKING")):
                below = [line for sub in node.body for line in imports_from(sub, sources)]
                found.append("if TYPE_CHECKING:\n    " + "\n    ".join(below))
    return found


def imports_from(node: ast.stmt, sources: dict[str, Source]) -> list[str]:
    """One import, name by name."""
    if not isinstance(node, ast.ImportFrom):
        return [ast.unparse(node)]
    return [
        f"from {home_of(node.module or '', alias.name, sources)} import {NAMES.get(alias.name, alias.name)}"
        for alias in node.names
    ]


def home_of(module: str, name: str, sources: dict[str, Source]) -> str:
    """Where the twin imports a name from."""
    if f"{module}.{name}" in sources:
        return twin_of(f"{module}.{name}").rpartition(".")[0]
    if module == BY_HAND or (module in sources and name in sources[module].twins):
        return twin_of(module)
    return module


def without_async(text: str) -> str:
    """The same code, waiting where it awaited."""
    lines = text.splitlines(keepends=True)
    tokens = list(tokenize.generate_tokens(io.StringIO(text + "\n").readline))
    # From the end, so that the places of what is yet to change stay right.
    for (row, first), (last_row, last), instead in reversed(edits(tokens)):
        line = lines[row - 1]
        lines[row - 1] = line[:first] + instead + (line[last:] if row == last_row else "")
    return "".join(lines)


def edits(tokens: list[tokenize.TokenInfo]) -> list[tuple[tuple[int, int], tuple[int, int], str]]:
    """From where to where which text becomes what."""
    found = []
    open_brackets: list[bool] = []
    for before, token, after in zip([tokens[0], *tokens], tokens, tokens[1:], strict=False):
        if token.string in ("async", "await"):
            found.append((token.start, after.start, ""))
        elif token.string == "Awaitable" and after.string == "[":
            found.append((token.start, after.end, ""))
        elif token.type == tokenize.NAME and token.string in NAMES:
            found.append((token.start, token.end, NAMES[token.string]))
        if token.string == "[":
            open_brackets.append(before.string == "Awaitable")
        elif token.string == "]" and open_brackets.pop():
            found.append((token.start, token.end, ""))
    return found


def twin_of(module: str) -> str:
    """The twin's name: `reactor.db.jobs` is `reactor.farm.blocking.db.jobs`."""
    return f"{TWIN}.{module.removeprefix('reactor.').removeprefix('farm.')}"


def path_of(module: str, root: Path) -> Path:
    """The file of a module."""
    return root.joinpath(*module.split(".")).with_suffix(".py")


def put_in_order(paths: list[Path]) -> None:
    """Drop what is not used, sort, and format, by the project's own rules."""
    files = [str(path) for path in paths]
    rules = ["--config", str(ROOT / "pyproject.toml")]
    ruff = [sys.executable, "-m", "ruff"]
    fix = [*ruff, "check", *rules, "--quiet", "--fix", "--unsafe-fixes"]
    # Twice: what is for types only shows when the rest is gone.
    for _ in range(2):
        subprocess.run([*fix, "--select", RULES, *files], check=True, cwd=ROOT)
    subprocess.run([*ruff, "format", *rules, "--quiet", *files], check=True, cwd=ROOT)


if __name__ == "__main__":
    main()

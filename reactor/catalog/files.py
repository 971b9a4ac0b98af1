"""CSV and YAML files as rows with the lines they stand on; what is no row is said by its line."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import yaml

from reactor.catalog.rows import KINDS, Row, columns
from reactor.errors import FieldError, Invalid

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MOST_BYTES = 2**20
DEEPEST = 50
ENDINGS = {".csv", ".yaml", ".yml"}


class Said(NamedTuple):
    """A row as the file has it, of one of the kinds; `lines` are those of single columns."""

    kind: str
    line: int
    values: dict[str, Any]
    lines: dict[str, int]

    def line_of(self, column: str) -> int:
        """Where that is said; of `defaults.params`, where `defaults` is."""
        return self.lines.get(column.partition(".")[0], self.line)


@dataclass
class Sheet:
    """What was read: the rows with their lines; and what was wrong, with its line."""

    name: str
    rows: list[Said] = field(default_factory=list)
    errors: list[tuple[int, str]] = field(default_factory=list)

    def refuse(self, line: int, message: str) -> None:
        """Something is wrong on that line."""
        self.errors.append((line, message))

    def judge(self) -> None:
        """Raise Invalid with everything that is wrong, in the order of the lines."""
        if self.errors:
            raise Invalid(
                [
                    FieldError(f"{self.name} line {line}", message)
                    for line, message in sorted(self.errors, key=lambda error: error[0])
                ]
            )


def read_sheet(path: Path) -> Sheet:
    """Read a file; Invalid when it cannot be read at all."""
    if path.suffix.lower() not in ENDINGS:
        raise refused(path, f"is neither CSV nor YAML; allowed: {', '.join(sorted(ENDINGS))}")
    text = read_text(path)
    sheet = Sheet(path.name)
    read = read_csv if path.suffix.lower() == ".csv" else read_yaml
    read(text, sheet)
    if not sheet.rows and not sheet.errors:
        raise refused(path, "has no rows")
    return sheet


def read_text(path: Path) -> str:
    """The file's text; Invalid says in a sentence why there is none."""
    try:
        with path.open("rb") as stream:
            raw = stream.read(MOST_BYTES + 1)
    except (OSError, ValueError) as wrong:
        raise refused(path, getattr(wrong, "strerror", None) or str(wrong)) from None
    if len(raw) > MOST_BYTES:
        raise refused(path, f"is larger than {MOST_BYTES} bytes")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as wrong:
        line = raw[: wrong.start].count(b"\n") + 1
        raise refused(path, f"line {line} is not UTF-8; save the file as UTF-8") from None
    if not text.strip():
        raise refused(path, "is empty")
    return text


def refused(path: Path, message: str) -> Invalid:
    """Something is wrong with the file as a whole."""
    return Invalid([FieldError(str(path), message)])


def read_csv(text: str, sheet: Sheet) -> None:
    """The header's first known key says which table it is."""
    lines = csv_lines(text, sheet)
    line, header = next(lines, (1, []))
    if sheet.errors:
        return
    header = [name.strip() for name in header]
    kinds = [name for name, kind in KINDS.items() if kind.key in header]
    if len(kinds) != 1:
        keys = ", ".join(kind.key for kind in KINDS.values())
        sheet.refuse(line, f"the header must have exactly one of the columns {keys}")
        return
    kind = KINDS[kinds[0]]
    for name in dict.fromkeys(header):
        if name not in kind.model_fields:
            allowed = ", ".join(columns(kind))
            sheet.refuse(line, f"column '{name}' is unknown; allowed: {allowed}")
        if header.count(name) > 1:
            sheet.refuse(line, f"column '{name}' is there twice")
    if sheet.errors:
        return
    for line, cells in lines:
        if len(cells) != len(header):
            sheet.refuse(line, f"has {count(cells, 'cell')}, and the header {len(header)}")
        else:
            read_cells(kinds[0], kind, line, dict(zip(header, cells, strict=True)), sheet)


def csv_lines(text: str, sheet: Sheet) -> Iterator[tuple[int, list[str]]]:
    """Records with the lines they begin on; empty ones are passed over."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    begins = 1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield begins, cells
            begins = reader.line_num + 1
    except csv.Error as wrong:
        sheet.refuse(begins, str(wrong))


def read_cells(name: str, kind: type[Row], line: int, cells: dict[str, str], sheet: Sheet) -> None:
    """One record; an empty cell says nothing."""
    row: dict[str, Any] = {}
    for column, cell in cells.items():
        text = cell.strip()
        if not text:
            continue
        if column in kind.lists:
            parts = text.split(";") if ";" in text else text.split()
            row[column] = [part.strip() for part in parts if part.strip()]
        elif column in kind.objects:
            try:
                row[column] = json.loads(text)
            except (ValueError, RecursionError) as wrong:
                sheet.refuse(line, f"{column}: is not JSON: {wrong}")
                return
        else:
            row[column] = text
    sheet.rows.append(Said(name, line, row, {}))


def read_yaml(text: str, sheet: Sheet) -> None:
    """A mapping of the tables' names to lists of rows."""
    loader: yaml.SafeLoader | None = None
    try:
        if not is_plain(text, sheet):
            return
        loader = yaml.SafeLoader(text)
        document = loader.get_single_node()
        read_document(document, loader, sheet)
    except yaml.MarkedYAMLError as wrong:
        mark = wrong.problem_mark or wrong.context_mark
        sheet.refuse(mark.line + 1 if mark else 1, " ".join(f"{wrong.problem}".split()))
    except yaml.YAMLError as wrong:
        sheet.refuse(1, " ".join(str(wrong).split()))
    finally:
        if loader:
            loader.dispose()


def is_plain(text: str, sheet: Sheet) -> bool:
    """Whether there is nothing in it that would take for ever: deep nesting, and aliases."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        line = event.start_mark.line + 1 if event.start_mark else 1
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if isinstance(event, yaml.AliasEvent):
            sheet.refuse(line, f"*{event.anchor}: aliases are not read; write it out")
            return False
        if depth > DEEPEST:
            sheet.refuse(line, f"is nested too deeply; allowed: {DEEPEST} levels")
            return False
    return True


def read_document(document: Any, loader: yaml.SafeLoader, sheet: Sheet) -> None:
    """The tables and their rows."""
    allowed = ", ".join(KINDS)
    if not isinstance(document, yaml.MappingNode):
        line = document.start_mark.line + 1 if document else 1
        sheet.refuse(line, f"is no mapping; allowed at the top: {allowed}")
        return
    for key, value in entries(document, sheet):
        line = key.start_mark.line + 1
        if key.value not in KINDS:
            sheet.refuse(line, f"'{key.value}' is unknown; allowed at the top: {allowed}")
        elif not isinstance(value, yaml.SequenceNode):
            sheet.refuse(line, f"{key.value}: must be a list of rows")
        else:
            for node in value.value:
                read_node(key.value, node, loader, sheet)


def read_node(name: str, node: Any, loader: yaml.SafeLoader, sheet: Sheet) -> None:
    """One row; each of its values is read safely."""
    line = node.start_mark.line + 1
    if not isinstance(node, yaml.MappingNode):
        sheet.refuse(
            line, f"{name}: a row must be a mapping; allowed: {', '.join(columns(KINDS[name]))}"
        )
        return
    said = Said(name, line, {}, {})
    for key, value in entries(node, sheet):
        column, place = str(key.value), key.start_mark.line + 1
        said.lines[column] = place
        try:
            said.values[column] = loader.construct_object(value, deep=True)
        except (ValueError, OverflowError, TypeError) as wrong:
            sheet.refuse(place, f"{column}: {wrong}")
            return
    sheet.rows.append(said)


def entries(node: yaml.MappingNode, sheet: Sheet) -> Iterator[tuple[yaml.ScalarNode, Any]]:
    """A mapping's keys and values; each key once."""
    seen = set()
    for key, value in node.value:
        line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode):
            sheet.refuse(line, "a name must be a word")
        elif key.value in seen:
            sheet.refuse(line, f"'{key.value}' is there twice")
        else:
            seen.add(key.value)
            yield key, value


def count(things: list[Any], word: str) -> str:
    """`one cell`, `3 cells`."""
    return f"one {word}" if len(things) == 1 else f"{len(things)} {word}s"

"""Text as pictures: fitted into a box (wrap, shrink, ellipsize) and drawn by Pillow as RGBA.

Text never reaches a filter; what a producer wrote can only ever become pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from PIL import Image, ImageDraw, ImageFilter

from reactor.renderserver import script
from reactor.renderserver.typefaces import Run, Weight, complex_layout, runs, typeface

ELLIPSIS = "…"
REFERENCE = 100
"""Size in pixels at which widths are measured once; they grow with the size."""
SHRINK = 0.94
PADDING = 0.4
"""Room around a line, as a share of its size: accents, descenders, shadow."""
FAINT_FACES = ("DroidSansFallback.ttf",)
Color = tuple[int, int, int]


@dataclass(frozen=True)
class Block:
    """Lines of text that fit where they were meant to go."""

    lines: tuple[str, ...]
    size: int
    weight: Weight
    leading: float = 1.12
    tracking: float = 0.0

    @property
    def line_height(self) -> int:
        """Pixels from one baseline to the next."""
        return round(self.size * self.leading)

    @property
    def height(self) -> int:
        """Pixels from the top of the first line to the bottom of the last."""
        return self.line_height * len(self.lines)

    @property
    def width(self) -> int:
        """Pixels of the longest line."""
        return max((round(self.line_width(line)) for line in self.lines), default=0)

    def line_width(self, line: str) -> float:
        """Pixels of one line."""
        spaces = self.tracking * self.size * max(len(script.clusters(line)) - 1, 0)
        return width_of(line, self.weight) * self.size / REFERENCE + spaces


def fit(
    text: str,
    width: int,
    height: int,
    *,
    weight: Weight,
    largest: int,
    smallest: int,
    max_lines: int,
    leading: float = 1.12,
) -> Block:
    """The largest block of the text that fits the box; at the smallest size it is cut with an ellipsis."""
    text = script.clean(text)
    size = float(max(largest, smallest))
    while size >= smallest:
        lines = wrap(text, width * REFERENCE / size, weight)
        rows = min(max_lines, max(1, int(height / (size * leading))))
        broken = size > smallest * 1.5 and breaks_a_word(text, width * REFERENCE / size, weight)
        if len(lines) <= rows and not broken:
            return Block(
                balanced(text, lines, width * REFERENCE / size, weight), int(size), weight, leading
            )
        size *= SHRINK
    rows = min(max_lines, max(1, int(height / (smallest * leading))))
    room = width * REFERENCE / smallest
    lines = wrap(text, room, weight)
    if len(lines) > rows:
        lines = [*lines[: rows - 1], shortened(lines[rows - 1], room, weight, always=True)]
    return Block(tuple(lines), smallest, weight, leading)


def one_line(text: str, width: int, *, weight: Weight, size: int, tracking: float = 0.0) -> Block:
    """A single line, cut with an ellipsis when it is too long."""
    room = width * REFERENCE / size / (1 + tracking)
    return Block((shortened(script.clean(text), room, weight),), size, weight, tracking=tracking)


def wrap(text: str, room: float, weight: Weight) -> list[str]:
    """Greedy lines no wider than room; a word that is wider alone is cut."""
    lines: list[str] = []
    line = ""
    for piece in script.pieces(text):
        if width_of((line + piece).rstrip(), weight) <= room:
            line += piece
            continue
        if line.strip():
            lines.append(line.strip())
        line = piece
        while width_of(line.rstrip(), weight) > room:
            head = head_that_fits(line, room, weight)
            lines.append(head)
            line = line[len(head) :]
    return [*lines, line.strip()] if line.strip() else lines


def breaks_a_word(text: str, room: float, weight: Weight) -> bool:
    """Whether some word is wider than a whole line."""
    return any(width_of(piece.rstrip(), weight) > room for piece in script.pieces(text))


def balanced(text: str, lines: list[str], room: float, weight: Weight) -> tuple[str, ...]:
    """The same number of lines, as even in width as they go."""
    low, high = room * 0.4, room
    best = lines
    while len(lines) > 1 and high - low > room * 0.02:
        middle = (low + high) / 2
        tried = wrap(text, middle, weight)
        if len(tried) == len(lines) and not breaks_a_word(text, middle, weight):
            best, high = tried, middle
        else:
            low = middle
    return tuple(best)


def head_that_fits(text: str, room: float, weight: Weight) -> str:
    """The longest beginning no wider than room, at least one character."""
    parts = script.clusters(text)
    low, high = 1, len(parts)
    while low < high:
        middle = (low + high + 1) // 2
        if width_of("".join(parts[:middle]), weight) <= room:
            low = middle
        else:
            high = middle - 1
    return "".join(parts[:low])


def shortened(text: str, room: float, weight: Weight, *, always: bool = False) -> str:
    """The text, or its beginning with an ellipsis."""
    if not always and width_of(text, weight) <= room:
        return text
    return head_that_fits(text, room - width_of(ELLIPSIS, weight), weight).rstrip() + ELLIPSIS


@lru_cache(maxsize=4_096)
def width_of(text: str, weight: Weight) -> float:
    """The width at the reference size."""
    return sum(run_width(run, kind, REFERENCE) for run, kind in visual_runs(text, weight))


def visual_runs(text: str, weight: Weight) -> list[tuple[Run, script.Direction]]:
    """The runs of one line from left to right."""
    found: list[tuple[Run, script.Direction]] = []
    for stretch, kind in script.segments(text, script.base_direction(text)):
        parts = runs(stretch, weight)
        found += [(run, kind) for run in (parts if kind == "ltr" else reversed(parts))]
    return found


def run_width(run: Run, kind: script.Direction, size: int) -> float:
    """How far the pen moves over one run."""
    if complex_layout():
        return typeface(run.font, size).getlength(run.text, direction=kind)
    return typeface(run.font, size).getlength(
        script.plain_rtl(run.text) if kind == "rtl" else run.text
    )


def draw_line(
    block: Block, line: str, color: Color, *, opacity: float = 1.0, shadow: float = 0.0
) -> Image.Image:
    """One line as RGBA: `padding(block)` of empty room on all sides of line_height × width."""
    pad = padding(block)
    size = (round(block.line_width(line)) + 2 * pad, block.line_height + 2 * pad)
    mask = Image.new("L", size)
    pen = ImageDraw.Draw(mask)
    baseline = pad + round(block.line_height / 2 + block.size * 0.36)
    x = float(pad)
    for run, kind in visual_runs(line, block.weight):
        x = draw_run(pen, (x, baseline), run, kind, block)
    picture = Image.new("RGBA", size, (*color, 0))
    picture.putalpha(mask.point([round(level * opacity) for level in range(256)]))
    if not shadow:
        return picture
    soft = mask.filter(ImageFilter.GaussianBlur(block.size * 0.14))
    under = Image.new("RGBA", size, (0, 0, 0, 0))
    under.putalpha(soft.point([round(level * shadow) for level in range(256)]))
    under.alpha_composite(picture)
    return under


def draw_run(
    pen: ImageDraw.ImageDraw,
    at: tuple[float, float],
    run: Run,
    kind: script.Direction,
    block: Block,
) -> float:
    """Draw one run on the baseline; return where the next begins."""
    font = typeface(run.font, block.size)
    bolder = block.size / 45 if run.font in FAINT_FACES and block.weight is Weight.BOLD else 0
    step = block.tracking * block.size
    text = script.plain_rtl(run.text) if kind == "rtl" and not complex_layout() else run.text
    for part in script.clusters(text) if step and kind == "ltr" else [text]:
        if complex_layout():
            pen.text(
                at, part, fill=255, font=font, anchor="ls", direction=kind, stroke_width=bolder
            )
            moved = font.getlength(part, direction=kind)
        else:
            pen.text(at, part, fill=255, font=font, anchor="ls", stroke_width=bolder)
            moved = font.getlength(part)
        at = (at[0] + moved + step, at[1])
    return at[0]


def padding(block: Block) -> int:
    """Empty pixels around a drawn line."""
    return round(block.size * PADDING)

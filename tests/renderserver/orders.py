"""Orders that no render server may fall for: titles that are more than titles, and what is refused by name."""

from __future__ import annotations

from typing import Any

HOSTILE = [
    "",
    "   ",
    "a" * 5_000,
    "%{pts}:\\'[];,=",
    "x',nullsink;movie='/etc/passwd",
    "':textfile='/etc/passwd",
    '<script>alert(1)</script> & "quotes" `id` $(id)',
    "\x00\x07\x1b[31m \u202eexe.gnp\u2066 \ud800",
    "-i --help -y",
    "שלום عالم 你好 こんにちは 한국어 ไทย हिन्दी Ελληνικά Русский 👩‍👩‍👧‍👦🇩🇪🔥",
    "Z̸̧̛͇̦a̴̢͙l̵͎͝g̷̈́o",
]
BAD: list[tuple[str, dict[str, Any], str]] = [
    ("no id", {"id": None}, "id"),
    ("an id that is a path", {"id": "../../etc"}, "id"),
    ("no template", {"template": None}, "template"),
    ("an unknown template", {"template": "foo"}, "template"),
    ("a template that is a number", {"template": 7}, "template"),
    ("an unknown format", {"format": "cinema"}, "format"),
    ("an unknown quality", {"quality": "8k"}, "quality"),
    ("an unknown container", {"container": "avi"}, "container"),
    ("a film as jpg", {"container": "jpg"}, "container"),
    ("props that are a list", {"props": []}, "props"),
    ("assets that are text", {"assets": "x"}, "assets"),
    ("a title that is a number", {"props": {"title": 3}}, "props.title"),
    ("a duration that is text", {"props": {"duration_s": "six"}}, "props.duration_s"),
    ("no duration to speak of", {"props": {"duration_s": 0.1}}, "props.duration_s"),
    ("a duration without end", {"props": {"duration_s": 1e9}}, "props.duration_s"),
    ("no frames", {"props": {"fps": 0}}, "props.fps"),
    ("too many frames", {"props": {"fps": 1000}}, "props.fps"),
    ("half a frame", {"props": {"fps": 12.5}}, "props.fps"),
    ("a slideshow without images", {"template": "slideshow"}, "props.images"),
    ("a slideshow of nothing", {"template": "slideshow", "props": {"images": []}}, "props.images"),
    (
        "an image that does not exist",
        {"template": "slideshow", "props": {"images": ["red.jpg", "missing.jpg"]}},
        "props.images[1]",
    ),
    (
        "an image outside the allowed directories",
        {"template": "slideshow", "props": {"images": ["/etc/passwd"]}},
        "props.images[0]",
    ),
    (
        "an image that is a sound",
        {"template": "slideshow", "props": {"images": ["tone.wav"]}},
        "props.images[0]",
    ),
    ("no sound to see", {"template": "audio-visualizer"}, "props.audio"),
    (
        "a sound that is an image",
        {"template": "audio-visualizer", "props": {"audio": "red.jpg"}},
        "props.audio",
    ),
    (
        "a sound that climbs out",
        {"template": "audio-visualizer", "props": {"audio": "../../../../../../etc/passwd"}},
        "props.audio",
    ),
    ("nothing to cut", {"template": "edl-cut"}, "props.clips"),
    (
        "a clip of nothing",
        {"template": "edl-cut", "props": {"clips": [{"in_s": 1}]}},
        "props.clips[0].source",
    ),
    (
        "a clip that begins at a word",
        {"template": "edl-cut", "props": {"clips": [{"source": "clip.mp4", "in_s": "begin"}]}},
        "props.clips[0].in_s",
    ),
    (
        "a clip of a film that does not exist",
        {
            "template": "edl-cut",
            "props": {"clips": [{"source": "clip.mp4"}, {"source": "missing.mov"}]},
        },
        "props.clips[1].source",
    ),
    (
        "a clip of a sound",
        {"template": "edl-cut", "props": {"clips": [{"source": "tone.wav"}]}},
        "props.clips[0].source",
    ),
    (
        "a clip that ends after its source",
        {"template": "edl-cut", "props": {"clips": [{"source": "clip.mp4", "out_s": 9.5}]}},
        "props.clips[0].out_s",
    ),
    ("no output path", {"output_path": ""}, "output_path"),
    ("an output path outside", {"output_path": "/tmp/elsewhere.mp4"}, "output_path"),  # noqa: S108
    ("an output path that climbs out", {"output_path": "../climbed.mp4"}, "output_path"),
    ("an output path with another ending", {"output_path": "film.exe"}, "output_path"),
    ("an output path in a missing directory", {"output_path": "no/where.mp4"}, "output_path"),
    ("an output path with a NUL", {"output_path": "a\0b.mp4"}, "output_path"),
]

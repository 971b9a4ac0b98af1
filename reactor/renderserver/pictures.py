"""Image files: a few formats, a limit on pixels before anything is decoded, the right way up."""

from __future__ import annotations

from PIL import Image, ImageOps, UnidentifiedImageError

from reactor.errors import bad_input

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")
KINDS = "jpg, png, webp, gif, bmp, tiff"
MOST_PIXELS = 80_000_000
GROUND = (12, 12, 16)
"""What shows through transparent pictures."""


def look_at(field: str, path: str) -> None:
    """RenderFailed(input) unless the file is a whole image of a bearable size."""
    try:
        with Image.open(path, formats=FORMATS) as picture:
            pixels = picture.width * picture.height
            if pixels > MOST_PIXELS:
                raise bad_input(
                    field, f"'{path}' has {pixels} pixels", allowed=f"at most {MOST_PIXELS}"
                )
            if picture.format == "PNG":
                picture.verify()
            else:
                picture.draft("RGB", (64, 64))
                picture.load()
    except Image.DecompressionBombError:
        raise bad_input(field, f"'{path}' is too large", allowed=f"{MOST_PIXELS} pixels") from None
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError):
        raise bad_input(field, f"'{path}' is not an image", allowed=KINDS) from None


def cover(path: str, width: int, height: int) -> Image.Image:
    """The image upright, in RGB, filling width × height from its middle."""
    with Image.open(path, formats=FORMATS) as picture:
        picture.draft("RGB", (width, height))
        upright = ImageOps.exif_transpose(picture)
        return ImageOps.fit(flat(upright), (width, height), Image.Resampling.LANCZOS)


def flat(picture: Image.Image) -> Image.Image:
    """The image without transparency."""
    if not picture.has_transparency_data:
        return picture.convert("RGB")
    ground = Image.new("RGBA", picture.size, (*GROUND, 255))
    ground.alpha_composite(picture.convert("RGBA"))
    return ground.convert("RGB")

"""The twelve pending jobs of the first brief, its item 31: what they say, and how they are inserted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reactor import jobs
from reactor.models import Format, Quality
from reactor.records import NewJob

if TYPE_CHECKING:
    from reactor.context import Context
    from reactor.models import JobId

QUALITY = "720p"
SECONDS = 4
FORMATS = {"youtube": "full_16_9", "tiktok": "short_9_16", "threads": "clip_1_1"}
# Niche, platform, template, title, subtitle: the list of the brief's item 31.
SCRIPT = (
    (
        "solopreneur",
        "youtube",
        "title-card",
        "One person, one product",
        "What a company of one looks like",
    ),
    (
        "solopreneur",
        "youtube",
        "slideshow",
        "A day without meetings",
        "Deep work, in four pictures",
    ),
    (
        "solopreneur",
        "threads",
        "title-card",
        "Ship small, ship daily",
        "The only habit that compounds",
    ),
    (
        "content_creation",
        "youtube",
        "audio-visualizer",
        "Sound you can see",
        "Ten videos a day, one engine",
    ),
    (
        "content_creation",
        "tiktok",
        "slideshow",
        "Three hooks that work",
        "Steal them, they are yours",
    ),
    ("content_creation", "threads", "title-card", "Write the ending first", "Then earn it"),
    (
        "content_creation",
        "threads",
        "title-card",
        "Batch the boring parts",
        "Save the rest for mornings",
    ),
    ("content_creation", "threads", "title-card", "Your archive is an asset", "Cut it again"),
    (
        "content_creation",
        "threads",
        "audio-visualizer",
        "Silence is a choice",
        "Choose the beat instead",
    ),
    (
        "content_creation",
        "threads",
        "title-card",
        "Résumé, naïve, Ελλάδα, 東京",
        "Every alphabet is welcome",
    ),
    (
        "email_marketing",
        "youtube",
        "title-card",
        "The subject line test",
        "Forty opens out of a hundred",
    ),
    ("ai_automation", "tiktok", "title-card", "Let the queue do it", "Insert a row, get a video"),
)


async def insert(context: Context, assets: dict[str, Any]) -> list[JobId]:
    """One row each, as any producer would."""
    asked = [
        NewJob(
            niche=niche,
            platform=platform,
            template_id=template,
            format=Format(FORMATS[platform]),
            quality=Quality(QUALITY),
            params={
                "title": title,
                "subtitle": subtitle,
                "duration_s": SECONDS,
                **assets.get(template, {}),
            },
            # Whoever starts the demo again wants to see it draw.
            cache=False,
        )
        for niche, platform, template, title, subtitle in SCRIPT
    ]
    async with context.database.connection() as conn:
        return [created.id for created in await jobs.create_jobs(conn, asked)]

"""From a job's words to a rendered file: check them, bring the material in, and have it drawn.

What was drawn before is taken over instead.
"""

from __future__ import annotations

import math
import random
import traceback
from typing import TYPE_CHECKING, NamedTuple

import anyio

from reactor import cache
from reactor.attempts import persist
from reactor.db.cache import confirm_key, find_equal, note_key
from reactor.errors import FailureClass, RenderFailed, bad_input
from reactor.media.naming import attempt_file_name
from reactor.observe import Seen
from reactor.renderers.answers import NAME_LENGTH, count, text
from reactor.renderers.base import Busy, Order, Rendered

if TYPE_CHECKING:
    from collections.abc import Callable

    from reactor.cache import Key
    from reactor.context import Context
    from reactor.db.cache import Equal
    from reactor.loops.inflight import Entry
    from reactor.models import Job
    from reactor.renderers.base import Progress, Renderer

FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 1.0
"""Between two tries at a renderer that is full."""


class Limit(NamedTuple):
    """How long a render may take, and who says so."""

    seconds: float
    words: str


async def render(job: Job, entry: Entry, context: Context) -> Rendered:
    """Have the job drawn, or take over what was drawn before; RenderFailed says why not."""
    renderer = find_renderer(job, context)
    limit = time_limit(job, context)
    spec = await context.downloads.bring_in(job.spec())
    name = attempt_file_name(job.id, job.attempt, spec.container.value)
    path = context.settings.renders_dir / name
    order = Order(job.id, job.attempt, spec, path, claim=entry.token.hex[:8])
    try:
        # Somebody may have cleared it away since the start; that is not this job's fault.
        await anyio.Path(path.parent).mkdir(parents=True, exist_ok=True)
        key = await key_of(job, order, renderer, context)
        if key and (taken := await take_over(job, order, key, entry, context)):
            return taken
        rendered = await draw(renderer, order, limit, entry, context)
        if key:
            await confirm(job, key, rendered, context)
        return rendered
    except (RenderFailed, anyio.get_cancelled_exc_class()):
        raise
    except Exception as bug:  # a plug-in may raise anything, and the job must end all the same
        context.observe(
            Seen.HANDLER_FAILED,
            handler=job.renderer,
            job_id=job.id,
            error=repr(bug),
            traceback=traceback.format_exc(),
        )
        raise RenderFailed(FailureClass.CRASH, f"{type(bug).__name__}: {bug}") from bug


def find_renderer(job: Job, context: Context) -> Renderer:
    """The renderer a job asks for; RenderFailed(input) with the ones there are."""
    try:
        return context.renderers[job.renderer]
    except KeyError:
        allowed = ", ".join(sorted(context.renderers))
        raise bad_input("renderer", f"'{job.renderer}' is unknown", allowed=allowed) from None


def time_limit(job: Job, context: Context) -> Limit:
    """Seconds the job's render may take, at most what the farm allows; RenderFailed(input) for no number."""
    usual_s = context.settings.render_timeout_s
    usual = Limit(usual_s, f"{usual_s:g} s, the most the farm allows (REACTOR_RENDER_TIMEOUT_S)")
    if job.timeout_s is None:
        return usual
    if math.isnan(job.timeout_s) or job.timeout_s <= 0:
        raise bad_input(
            "timeout_s", f"is {job.timeout_s:g}", allowed="more than 0 seconds, or null"
        )
    if job.timeout_s >= usual_s:
        return usual
    own = f"its timeout_s of {job.timeout_s:g} s; give it more time, or make it shorter or smaller"
    return Limit(job.timeout_s, own)


async def key_of(job: Job, order: Order, renderer: Renderer, context: Context) -> Key | None:
    """What this attempt draws, as far as it can be told and may be taken over.

    A renderer whose version is not known may draw something else tomorrow.
    """
    version = getattr(renderer, "version", None)
    if not job.cache or not version:
        return None
    identity = f"{job.renderer} {version}"
    return await cache.key_of(order.spec, identity, context.settings.allowed_asset_dirs)


async def take_over(
    job: Job, order: Order, key: Key, entry: Entry, context: Context
) -> Rendered | None:
    """The file of a finished job that drew the same, under this attempt's name; None to draw it.

    A job that failed with such a file is drawn the next time.
    """
    found = None
    if not job.was_cached:
        found = await persist(context, lambda conn: find_equal(conn, key.text))
    places = (context.settings.library_dir, context.settings.archive_dir)
    if found and not await cache.is_there(found, *places):
        found = None
    # Before the file appears, because the watcher may be quicker than we are.
    noted = await note(job, key, found, entry, context)
    if found is None or not noted:
        return None
    if not await cache.take_over(found, order.output_path):
        await note(job, key, None, entry, context)
        return None
    context.observe(Seen.CACHE_HIT, job_id=job.id, attempt=job.attempt, cached_from=found.id)
    return Rendered(order.output_path, found.version, found.frames)


async def note(job: Job, key: Key, found: Equal | None, entry: Entry, context: Context) -> bool:
    """Write down what is drawn, and whose file is taken over; whether the attempt is still ours."""
    return await persist(
        context,
        lambda conn: note_key(
            conn,
            job.id,
            entry.token,
            cache_key=key.text,
            cached_from=found and found.id,
            frames=found and found.frames,
        ),
    )


async def confirm(job: Job, key: Key, rendered: Rendered, context: Context) -> None:
    """Offer what was drawn to equal jobs, unless an input has changed meanwhile."""
    if await key.still_true():
        await persist(
            context,
            lambda conn: confirm_key(
                conn,
                job.id,
                attempt=job.attempt,
                cache_key=key.text,
                version=text(rendered.version, NAME_LENGTH) or None,
                frames=count(rendered.frames),
            ),
        )


async def draw(
    renderer: Renderer, order: Order, limit: Limit, entry: Entry, context: Context
) -> Rendered:
    """Let the renderer draw, and wait while another reactor's renders fill it.

    Failing the attempt would free the slot here, and one job after another would run into the same.
    """
    context.observe(
        Seen.RENDER_STARTED,
        job_id=order.job_id,
        attempt=order.attempt,
        template=order.spec.template,
    )

    def report(progress: Progress) -> None:
        entry.progress = progress

    give_up_at = anyio.current_time() + context.settings.render_timeout_s
    pause_s = FIRST_PAUSE_S
    while True:
        try:
            return await draw_in_time(renderer, order, report, limit)
        except Busy:
            if anyio.current_time() > give_up_at:
                raise
        if context.gate.draining:
            entry.stop("shutdown")
        await anyio.sleep(random.uniform(pause_s / 2, pause_s))
        pause_s = min(LONGEST_PAUSE_S, pause_s * 2)


async def draw_in_time(
    renderer: Renderer, order: Order, report: Callable[[Progress], None], limit: Limit
) -> Rendered:
    """Let the renderer draw; RenderFailed(stall) when it is not finished, and stopped, after so long."""
    with anyio.move_on_after(limit.seconds):
        return await renderer.render(order, report)
    raise RenderFailed(FailureClass.STALL, f"not finished after {limit.words}")

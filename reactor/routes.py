"""Which event goes to which handlers: the page to read first.

An event without a row of handlers is announced for people and pages only.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from reactor import events
from reactor.handlers.adopt import adopt
from reactor.handlers.alert import alert
from reactor.handlers.archive import archive
from reactor.handlers.claim import claim
from reactor.handlers.control import control
from reactor.handlers.deliver import deliver
from reactor.handlers.dispatch import dispatch
from reactor.handlers.fill import fill
from reactor.handlers.flush import flush
from reactor.handlers.postprocess import postprocess
from reactor.handlers.stop import stop
from reactor.router import Each, Gathered

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reactor.router import Lane

CLAIM = Gathered(claim)
DISPATCH = Each(dispatch, limit=10_000)  # the slots are the limit
POSTPROCESS = Each(postprocess, limit=2)
ALERT = Each(alert)
RENDERER = Each(alert, limit=1)  # down, then up: the other way round the alert would stay
FILL = Gathered(fill)
ARCHIVE = Gathered(archive)
FLUSH = Gathered(flush)

ROUTES: Mapping[type[events.Event], tuple[Lane, ...]] = MappingProxyType(
    {
        events.JobPending: (CLAIM,),
        events.SlotFreed: (CLAIM,),
        events.FarmResumed: (CLAIM,),
        events.FarmFlushed: (FLUSH, CLAIM),
        events.JobClaimed: (DISPATCH,),
        events.OutputSeen: (Each(adopt),),
        events.OutputReady: (POSTPROCESS,),
        events.JobRendered: (POSTPROCESS,),
        events.JobFailed: (ALERT,),
        events.RendererDown: (RENDERER,),
        events.RendererUp: (RENDERER, CLAIM),
        events.RendererWanted: (FLUSH,),
        events.JobCancelled: (Each(stop), FILL),
        events.Control: (Each(control),),
        events.JobProcessing: (FILL,),
        events.JobProgress: (),
        events.JobComplete: (),
        events.OutboxFilled: (Each(deliver),),
        events.FarmPaused: (),
        events.CatalogChanged: (FILL,),
        events.PublishReady: (),
        events.PublishBlocked: (),
        events.PublishPublished: (ARCHIVE,),
        events.PublishFailed: (),
        events.Swept: (FILL, ARCHIVE),
    }
)

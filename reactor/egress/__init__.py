"""The one guarded way out of the farm: webhooks, downloads, images."""

from reactor.egress.addresses import EgressRefused
from reactor.egress.client import (
    Answer,
    Downloaded,
    Egress,
    EgressFailed,
    open_egress,
)

__all__ = ["Answer", "Downloaded", "Egress", "EgressFailed", "EgressRefused", "open_egress"]

"""The session service: recording sessions, their films, their list of cuts, and the jobs made of them.

Every function works inside the caller's transaction when there is one. The tables are also written from
psql, so what is read is checked again. Errors for people: Invalid, Missing, Refused, QuotaExceeded.
"""

from reactor.sessions.editing import (
    get_session,
    lock_edl,
    put_asset,
    put_edl,
    put_session,
    unlock_edl,
)
from reactor.sessions.ordering import SessionJob, create_session_job, list_session_jobs
from reactor.sessions.records import (
    AssetRecord,
    Cut,
    EdlRecord,
    NewAsset,
    NewEdl,
    NewSession,
    SessionRecord,
)

__all__ = [
    "AssetRecord",
    "Cut",
    "EdlRecord",
    "NewAsset",
    "NewEdl",
    "NewSession",
    "SessionJob",
    "SessionRecord",
    "create_session_job",
    "get_session",
    "list_session_jobs",
    "lock_edl",
    "put_asset",
    "put_edl",
    "put_session",
    "unlock_edl",
]

"""`/api/publish-queue`: videos on their way to a platform, and what publishers say of them.

A publisher takes, and names the token it was given in the body of every word about it.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal
from uuid import UUID

from fastapi import Path, Query
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from reactor import publish_queue
from reactor.api.route import AWAY, Route
from reactor.publish_queue import (
    LEASE_S,
    LONGEST_ERROR,
    LONGEST_LEASE_S,
    LONGEST_PAGE,
    LONGEST_PAUSE_S,
    LONGEST_URL,
    MOST_AT_ONCE,
    PAGE,
    SHORTEST_LEASE_S,
)
from reactor.records import Name, storable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from psycopg import AsyncConnection

    from reactor.context import Context

INT8 = 2**63
NOT_BLANK = r"\S"
CLAIM = "1b4e28ba-2fa1-11d2-883f-0016d3cca427"
PublishId = Annotated[int, Path(ge=1, lt=INT8)]
State = Literal["ready", "blocked", "publishing", "published", "failed"]
Token = Annotated[UUID, Field(description="The claim, as `take` answered it.", examples=[CLAIM])]
Lease = Annotated[
    float,
    Field(
        ge=SHORTEST_LEASE_S,
        le=LONGEST_LEASE_S,
        description="For so many seconds nobody else is handed it.",
    ),
]
Url = Annotated[
    str, Field(min_length=1, max_length=LONGEST_URL, pattern=NOT_BLANK), AfterValidator(storable)
]
PAYLOAD = {"job_id": 42, "platform": "youtube", "title": "Hello", "file": "/data/library/a.mp4"}
OF_ONE = {**AWAY, 404: "No such publication.", 409: "Not in its present state, or another's."}


class Answer(BaseModel):
    """What is read from a row."""

    model_config = ConfigDict(from_attributes=True)

    publish_id: int = Field(examples=[12])
    job_id: int = Field(examples=[42])
    platform: str = Field(examples=["youtube"])
    tries: int = Field(description="How often it was taken.", examples=[1])
    lease_expires_at: datetime | None = Field(description="Until when somebody has it.")
    payload: dict[str, Any] = Field(description="All a publisher needs.", examples=[PAYLOAD])


class PublicationView(Answer):
    """A publication. Its texts are the producer's: never markup."""

    niche: str | None = Field(examples=["science"])
    status: State
    priority: int
    problems: list[str] = Field(
        description="What the platform does not take.",
        examples=[["900.0 s long; x takes at most 140 s"]],
    )
    max_tries: int = Field(examples=[5])
    publish_after: datetime = Field(description="Not taken before.")
    publisher: str | None = Field(examples=["uploader 1"])
    created_at: datetime
    published_at: datetime | None
    published_url: str | None = Field(examples=["https://example.com/v/1"])
    archived_at: datetime | None = Field(description="When its file was put into the archive.")
    error_message: str | None


class TakenView(Answer):
    """A publication that is yours for a while."""

    token: UUID = Field(description="Say it with everything you say of it.", examples=[CLAIM])


class PublicationList(BaseModel):
    """Publications, the newest first."""

    publications: list[PublicationView]
    before: int | None = Field(description="Where the next page begins; null at the end.")


class TakenList(BaseModel):
    """What was taken, the most urgent first; empty when nothing is due."""

    publications: list[TakenView]


class Asked(BaseModel):
    """What is sent."""

    model_config = ConfigDict(extra="forbid")


class Take(Asked):
    """Who takes how many of what."""

    publisher: Name = Field(description="Who you are, for people.", examples=["uploader 1"])
    most: int = Field(default=1, ge=1, le=MOST_AT_ONCE, description="How many at most.")
    platform: Name | None = Field(default=None, description="Only this one's.")
    lease_s: Lease = LEASE_S


class Renew(Asked):
    """Keep it for longer."""

    token: Token
    lease_s: Lease = LEASE_S


class Published(Asked):
    """It is on its platform. Without a token a person says so, unless somebody has it just now."""

    token: Token | None = None
    url: Url | None = Field(
        default=None, description="Where it can be seen.", examples=["https://example.com/v/1"]
    )


class Failed(Asked):
    """It did not work. Without a token a person says so, and it is not tried again."""

    error: Annotated[str, AfterValidator(storable)] = Field(
        min_length=1,
        max_length=LONGEST_ERROR,
        pattern=NOT_BLANK,
        description="What went wrong, for people.",
        examples=["the platform answered 500"],
    )
    token: Token | None = None
    retry_after_s: float | None = Field(
        default=None,
        ge=0,
        le=LONGEST_PAUSE_S,
        description="Not tried before; null is 1, 3, 9 … 60 minutes.",
    )
    final: bool = Field(default=False, description="Whether there is no use in trying again.")


class Release(Asked):
    """Given back without having been tried."""

    token: Token


class PublishQueue:
    """Shows the queue and takes publishers' words."""

    def __init__(self, context: Context) -> None:
        self._database = context.database

    async def list_all(
        self,
        status: Annotated[State | None, Query(examples=["ready"])] = None,
        platform: Annotated[Name | None, Query()] = None,
        before: Annotated[int | None, Query(ge=1, lt=INT8)] = None,
        limit: Annotated[int, Query(ge=1, le=LONGEST_PAGE)] = PAGE,
    ) -> PublicationList:
        """Videos on their way to a platform, the newest first."""
        async with self._database.connection() as conn:
            page = await publish_queue.list_publications(
                conn, status=status, platform=platform, before=before, most=limit
            )
        views = [PublicationView.model_validate(one) for one in page.publications]
        return PublicationList(publications=views, before=page.before)

    async def get(self, publish_id: PublishId) -> PublicationView:
        """One of them."""
        async with self._database.connection() as conn:
            found = await publish_queue.get_publication(conn, publish_id)
        return PublicationView.model_validate(found)

    async def take(self, asked: Take) -> TakenList:
        """Take what is due: it is yours until you say what became of it, or its lease runs out."""
        async with self._database.connection() as conn:
            found = await publish_queue.take(conn, **asked.model_dump())
        return TakenList(publications=[TakenView.model_validate(one) for one in found])

    async def renew(self, publish_id: PublishId, asked: Renew) -> PublicationView:
        """Keep it for longer."""
        return await self._tell(
            publish_id,
            lambda conn: publish_queue.renew(conn, publish_id, asked.token, lease_s=asked.lease_s),
        )

    async def published(
        self, publish_id: PublishId, asked: Published | None = None
    ) -> PublicationView:
        """It is on its platform: its file goes to the archive. The same token may say so twice."""
        asked = asked or Published()
        return await self._tell(
            publish_id,
            lambda conn: publish_queue.mark_published(
                conn, publish_id, token=asked.token, url=asked.url
            ),
        )

    async def failed(self, publish_id: PublishId, asked: Failed) -> PublicationView:
        """It did not work: it is tried again after a pause while there are tries left."""
        return await self._tell(
            publish_id,
            lambda conn: publish_queue.mark_failed(
                conn,
                publish_id,
                asked.error,
                token=asked.token,
                retry_after_s=asked.retry_after_s,
                final=asked.final,
            ),
        )

    async def release(self, publish_id: PublishId, asked: Release) -> PublicationView:
        """Give it back without having tried it; the try is not counted."""
        return await self._tell(
            publish_id, lambda conn: publish_queue.release(conn, publish_id, asked.token)
        )

    async def republish(self, publish_id: PublishId) -> PublicationView:
        """Make what is blocked or has failed ready again."""
        return await self._tell(publish_id, lambda conn: publish_queue.republish(conn, publish_id))

    async def _tell(
        self, publish_id: int, say: Callable[[AsyncConnection], Awaitable[str]]
    ) -> PublicationView:
        async with self._database.transaction() as conn:
            await say(conn)
            found = await publish_queue.get_publication(conn, publish_id)
        return PublicationView.model_validate(found)


def routes(context: Context) -> Sequence[Route]:
    """Everything under `/api/publish-queue`."""
    served, tag, queue = PublishQueue(context), "publish queue", "/api/publish-queue"
    one = f"{queue}/{{publish_id:int}}"
    missing = {**AWAY, 404: "No such publication."}
    verbs = ("renew", "published", "failed", "release", "republish")
    return (
        Route(queue, served.list_all, tag, PublicationList, problems=AWAY),
        Route(one, served.get, tag, PublicationView, problems=missing),
        Route(f"{queue}/take", served.take, tag, TakenList, problems=AWAY, method="POST"),
        *(
            Route(
                f"{one}/{verb}",
                getattr(served, verb),
                tag,
                PublicationView,
                problems=OF_ONE,
                method="POST",
            )
            for verb in verbs
        ),
    )

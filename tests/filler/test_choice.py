"""What is made next: platforms by what they lack, niches by their share, templates in turn."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.filler.conftest import Farm

TRIPLE = ("platform", "niche", "template_id")


async def test_the_starting_set_spreads_fifteen_over_five_platforms(farm: Farm) -> None:
    assert await farm.fill(15) == "made 15 jobs; 15 of 15 are pending"

    made = await farm.made(*TRIPLE)
    assert Counter(platform for platform, _, _ in made) == dict.fromkeys(
        ("instagram", "threads", "tiktok", "x", "youtube"), 3
    )
    assert sorted(Counter(niche for _, niche, _ in made).values()) == [3, 4, 4, 4]
    assert len(set(made)) == 15


async def test_the_platform_that_lacks_most_comes_first(farm: Farm) -> None:
    await farm.catalog({f"n{n}": 1 for n in range(9)}, {"a": 2, "b": 5, "c": 4}, "t")
    await farm.table.rows("UPDATE reactor.platforms SET engagement = 2 WHERE platform = 'c'")

    await farm.fill(9)

    # Lacks 2, 5, 4: b until it lacks as much as c; among equals engagement, then the name.
    assert "".join(await farm.made("platform")) == "bcbcbcabc"


async def test_what_is_complete_today_and_in_work_counts(farm: Farm) -> None:
    await farm.catalog({f"n{n}": 1 for n in range(9)}, {"a": 3, "b": 3}, "t")
    await farm.fill(4)
    await farm.finish("platform = 'a'")
    await farm.table.rows(
        "UPDATE actp_gen_jobs SET status = 'processing', stage = 'claimed' WHERE status = 'pending'"
    )

    await farm.fill(2)

    assert Counter(await farm.made("platform")) == {"a": 3, "b": 3}


async def test_above_the_target_the_queue_is_kept_full_evenly(farm: Farm) -> None:
    await farm.catalog({f"n{n}": 1 for n in range(9)}, {"a": 1, "b": 1}, "t")

    await farm.fill(10)

    assert Counter(await farm.made("platform")) == {"a": 5, "b": 5}


async def test_no_platform_gets_more_than_its_daily_most(farm: Farm) -> None:
    await farm.catalog({f"n{n}": 1 for n in range(9)}, {"a": 2, "b": 2}, "t")
    await farm.table.rows("UPDATE reactor.platforms SET daily_most = daily_target")

    first = await farm.fill(3)
    await farm.finish()
    second = await farm.fill(3)
    third = await farm.fill(3)

    assert first == "made 3 jobs; 3 of 3 are pending"
    assert second.startswith("made one job; 1 of 3 are pending: whatever else the catalogue has")
    assert third.startswith("made 0 jobs; 1 of 3")
    assert Counter(await farm.made("platform")) == {"a": 2, "b": 2}


async def test_shares_are_those_of_dhondt(farm: Farm) -> None:
    """Eight seats for 6 : 3 : 1 by hand: quotients 6, 3, 3, 2, 1.5, 1.5, 1.2, then 1 of three; b and c have fewer."""
    await farm.catalog({"a": 6, "b": 3, "c": 1}, {"p": 8}, *(f"t{n}" for n in range(9)))

    await farm.fill(8)

    made = await farm.made("niche")
    assert "".join(made[:1]) == "a"
    assert Counter(made[:3]) == {"a": 2, "b": 1}
    assert Counter(made[:7]) == {"a": 5, "b": 2}
    assert made[7] == "c"


async def test_shares_go_on_from_what_was_made_today(farm: Farm) -> None:
    await farm.catalog({"a": 2, "b": 1}, {"p": 9}, "t", "u")
    for _ in range(6):
        await farm.fill(1)
        await farm.finish()

    assert Counter(await farm.made("niche")) == {"a": 4, "b": 2}


async def test_equal_niches_take_turns_from_day_to_day(farm: Farm) -> None:
    """Three a day of four: without memory the last name would never be made."""
    await farm.catalog(dict.fromkeys("abcd", 1.0), {"p": 3}, "t")
    for _ in range(4):
        await farm.fill(3)
        await farm.finish()
        await farm.table.rows(
            "UPDATE actp_gen_jobs SET completed_at = completed_at - interval '1 day'"
        )

    assert Counter(await farm.made("niche")) == dict.fromkeys("abcd", 3)


async def test_templates_take_turns(farm: Farm) -> None:
    await farm.catalog({"n": 1}, {"p": 6}, "t", "u", "v")
    for _ in range(6):
        await farm.fill(1)
        await farm.finish()

    assert Counter(await farm.made("template_id")) == {"t": 2, "u": 2, "v": 2}


async def test_nothing_is_repeated_while_it_is_pending(farm: Farm) -> None:
    await farm.catalog({"n": 1, "m": 1}, {"p": 2, "q": 2}, "t", "u")
    await farm.table.rows(
        "INSERT INTO actp_gen_jobs (niche, platform, template_id, approved) VALUES ('n', 'p', 't', false)"
    )

    said = await farm.fill(20)

    assert said.startswith(
        "made 7 jobs; 7 of 20 are pending: whatever else the catalogue has is pending"
    )
    assert len(set(await farm.made(*TRIPLE))) == len(await farm.made("id")) == 8


async def test_what_waits_for_approval_or_for_long_keeps_no_place(farm: Farm) -> None:
    await farm.table.rows(
        "INSERT INTO actp_gen_jobs (niche, approved, run_after) VALUES ('s', false, now()), ('s', true, 'infinity'),"
        " ('s', true, now() + interval '3 days'), ('counts', true, now() + interval '1 hour')"
    )

    assert await farm.fill(5) == "made 4 jobs; 5 of 5 are pending"


async def test_only_what_is_enabled_and_meant_for_one_another(farm: Farm) -> None:
    await farm.catalog({"n": 1, "m": 1, "off": 9}, {"p": 9, "q": 9, "off": 9}, "t", "u", "off")
    await farm.table.rows("UPDATE reactor.niches SET enabled = niche <> 'off'")
    await farm.table.rows("UPDATE reactor.platforms SET enabled = platform <> 'off'")
    await farm.table.rows("UPDATE reactor.templates SET enabled = template_id <> 'off'")
    await farm.table.rows("UPDATE reactor.templates SET niches = '{n,off}' WHERE template_id = 't'")
    await farm.table.rows("UPDATE reactor.templates SET platforms = '{q}' WHERE template_id = 'u'")

    await farm.fill(50)

    assert set(await farm.made(*TRIPLE)) == {
        ("p", "n", "t"), ("q", "n", "t"), ("q", "n", "u"), ("q", "m", "u"),
    }  # fmt: skip


async def test_the_day_begins_in_the_farms_time_zone(farm: Farm) -> None:
    """Of one UTC day and two zones half a day apart, one has begun its day since and the other has not."""
    await farm.catalog({f"n{n}": 1 for n in range(9)}, {"a": 1}, "t")
    await farm.table.rows("UPDATE reactor.platforms SET daily_most = 1")
    await farm.fill(1)
    await farm.finish()
    made = {}
    for zone in ("Pacific/Kiritimati", "Etc/GMT+12"):
        await farm.table.rows("UPDATE reactor.control SET time_zone = %(zone)s", zone=zone)
        await farm.table.rows(
            "UPDATE actp_gen_jobs SET completed_at = reactor.day_begins(reactor.today()) - interval '1 second'"
        )
        before = await farm.table.rows("SELECT count(*) FROM reactor.choose_jobs(9)")
        await farm.table.rows(
            "UPDATE actp_gen_jobs SET completed_at = reactor.day_begins(reactor.today())"
        )
        after = await farm.table.rows("SELECT count(*) FROM reactor.choose_jobs(9)")
        made[zone] = (before, after)

    assert made == dict.fromkeys(made, ([(1,)], [(0,)]))


async def test_a_filled_job_is_what_its_template_and_platform_say(farm: Farm) -> None:
    await farm.catalog({"my_niche": 2}, {"p": 1}, "t")
    await farm.table.rows("UPDATE reactor.platforms SET engagement = 1.5, format = 'short_9_16'")
    defaults: dict[str, Any] = {
        "params": {
            "title": "{niche} {n} {platform}",
            "deep": [{"say": "{n}"}, 7, None],
            "{n}": True,
            "none": [],
        },
        "container": "webm",
        "quality": "720p",
        "max_attempts": 7,
    }
    await farm.table.rows(
        "UPDATE reactor.templates SET defaults = %(defaults)s", defaults=json.dumps(defaults)
    )

    await farm.fill(1)

    columns = ("format", "quality", "container", "max_attempts", "priority", "renderer", "metadata")
    assert await farm.made("params", *columns) == [
        (
            {"title": "My Niche 1 p", "deep": [{"say": "1"}, 7, None], "{n}": True, "none": []},
            *("short_9_16", "720p", "webm", 7, 300, "server", {"made_by": "filler", "n": 1}),
        )
    ]


async def test_no_two_videos_of_a_niche_have_the_same_title(farm: Farm) -> None:
    for _ in range(3):
        await farm.fill(15)
        await farm.finish()
    await farm.table.rows("SELECT reactor.create_job('solopreneur', 'x')")

    titles = await farm.made("params ->> 'title'")
    assert len(titles) == len(set(titles)) == 46


@pytest.mark.parametrize(
    "name",
    [
        "it's",
        'say "x"',
        "%s %(x)s %",
        "{n}{niche}{platform}",
        "a\\b\n\tc",
        "💥 ünï",
        "'; DROP TABLE x;--",
    ],
)
async def test_names_are_names_and_nothing_else(farm: Farm, name: str) -> None:
    await farm.catalog({name: 1}, {name: 1}, name)
    await farm.table.rows(
        "UPDATE reactor.templates SET niches = ARRAY[%(name)s], platforms = ARRAY[%(name)s],"
        """ defaults = '{"params": {"title": "{niche}", "{niche}": "{n}"}}'""",
        name=name,
    )
    await farm.table.rows("UPDATE reactor.niches SET title = niche")

    assert await farm.fill(1) == "made one job; 1 of 1 are pending"

    assert await farm.made(*TRIPLE, "params") == [
        (name, name, name, {"title": name, "{niche}": "1"})
    ]


async def test_a_template_no_running_renderer_offers_is_passed_over(farm: Farm) -> None:
    await farm.catalog({"n": 1}, {"p": 1}, "known", "gone", "own")
    await farm.table.rows(
        """UPDATE reactor.templates SET defaults = '{"renderer": "easel"}' WHERE template_id = 'own'"""
    )
    before = await farm.table.rows("SELECT count(*) FROM reactor.choose_jobs(9)")
    await farm.table.rows(
        "INSERT INTO actp_agent_registry (kind, status, heartbeat_at, capabilities)"
        """ VALUES ('renderer', 'running', now(), '{"templates": ["known"]}')"""
    )

    said = await farm.fill(3)

    assert before == [(3,)]
    assert set(await farm.made("template_id")) == {"known", "own"}
    assert said.endswith("passed over: gone (no running renderer offers it)")

    await farm.table.rows(
        "UPDATE actp_agent_registry SET heartbeat_at = now() - interval '2 minutes'"
    )
    assert await farm.fill(3) == "made one job; 3 of 3 are pending"


async def test_what_fails_and_fails_is_not_made_for_ever(farm: Farm) -> None:
    """Its jobs leave the queue at once, so filling up would go round in a circle."""
    await farm.catalog({"n": 1}, {"p": 1, "q": 1}, "t")
    for _ in range(5):
        await farm.fill(1)
        await farm.table.rows(
            "UPDATE actp_gen_jobs SET status = 'processing', stage = 'claimed' WHERE status = 'pending'"
        )
        await farm.table.rows(
            "UPDATE actp_gen_jobs SET status = CASE platform WHEN 'p' THEN 'failed' ELSE 'complete' END,"
            " stage = NULL, completed_at = now() WHERE status = 'processing'"
        )
    await farm.table.rows("UPDATE reactor.platforms SET enabled = platform = 'p'")
    for _ in range(5):
        said = await farm.fill(1)
        await farm.table.rows(
            "UPDATE actp_gen_jobs SET status = 'processing', stage = 'claimed' WHERE status = 'pending'"
        )
        await farm.table.rows(
            "UPDATE actp_gen_jobs SET status = 'failed', stage = NULL, completed_at = now()"
            " WHERE status = 'processing'"
        )

    assert said.endswith("passed over: t for p (3 failed within an hour)")
    assert Counter(await farm.made("status"))["failed"] == 3

    await farm.table.rows(
        "UPDATE actp_gen_jobs SET completed_at = completed_at - interval '61 minutes'"
    )
    assert await farm.fill(1) == "made one job; 1 of 1 are pending"

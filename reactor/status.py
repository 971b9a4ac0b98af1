"""`bin/reactor status`: what the farm is doing, for a terminal or as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reactor.api.readings import Reading

COUNTS = ("pending", "processing", "complete", "failed", "complete_today")


def as_json(reading: Reading) -> str:
    """Everything, as one JSON object."""
    return json.dumps(asdict(reading), default=str, indent=2)


def show(reading: Reading) -> None:
    """The same for people: counts, agents, what is in work, what needs a person."""
    console = Console()
    counts = ", ".join(f"{reading.stats[name]} {name.replace('_', ' ')}" for name in COUNTS)
    console.print(f"{'paused' if reading.paused else 'running'}: {counts}")
    for agent in reading.agents:
        console.print(agent_line(agent))
    if not any(
        agent["kind"] == "reactor" and agent["status"] == "running" for agent in reading.agents
    ):
        console.print("no reactor is running; start one with bin/reactor", style="yellow")
    if reading.jobs:
        console.print(jobs_table(reading))
    for alert in reading.alerts:
        console.print(Text(f"alert: {alert['message']}", style="red"))
    for orphan in reading.orphans:
        console.print(Text(f"orphan: {orphan['path']} ({orphan['reason']})", style="yellow"))


def agent_line(agent: Mapping[str, Any]) -> Text:
    """One reactor or renderer."""
    words = f"{agent['kind']} {agent['name']} {agent['version'] or ''}: {agent['status']}"
    where = f" (pid {agent['pid']} on {agent['host']}, {agent['url']})"
    return Text(words + where, style="green" if agent["status"] == "running" else "red")


def jobs_table(reading: Reading) -> Table:
    """What is in work, and the latest that ended."""
    table = Table(box=None, pad_edge=False)
    for heading in ("job", "niche/platform", "template", "state", "%", "file or error"):
        table.add_column(heading, overflow="fold")
    for row in reading.jobs:
        state = row["stage"] or row["status"]
        said = (
            Path(row["output_path"] or "").name
            if row["status"] == "complete"
            else row["error_message"]
        )
        # Text, because what producers write is not markup.
        table.add_row(
            str(row["id"]),
            Text(f"{row['niche'] or ''}/{row['platform'] or ''}"),
            Text(row["template_id"] or ""),
            state,
            f"{row['progress']:.0f}",
            Text(said or ""),
        )
    return table

"""Create a job, show its progress, wait for its end: `python examples/create_and_wait.py DSN [RENDERER]`."""

import asyncio
import sys

from reactor import Farm, JobRecord


def show(job: JobRecord) -> None:
    """Called with the job at first, and after each change."""
    print(f"job {job.id}: {job.status} {job.progress:.0f} %", flush=True)


async def main(dsn: str, renderer: str = "server") -> None:
    async with Farm(dsn) as farm:
        job = await farm.create_job(
            "title-card", params={"title": "Hello"}, quality="720p", renderer=renderer
        )
        job = await farm.wait(job, on_progress=show, timeout_s=600)
        print(job.output_path if job.status == "complete" else job.error_message)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))

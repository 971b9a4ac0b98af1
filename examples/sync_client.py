"""The same client without async: `python examples/sync_client.py DSN [RENDERER]`."""

import sys

from reactor import NewJob, SyncFarm


def main(dsn: str, renderer: str = "server") -> None:
    with SyncFarm(dsn) as farm:
        jobs = farm.create_jobs(
            [
                NewJob(
                    template_id="title-card",
                    params={"title": f"Part {number}"},
                    quality="720p",
                    renderer=renderer,
                    project_id="example",
                )
                for number in (1, 2, 3)
            ]
        )
        for job in jobs:
            print(f"job {job.id}: {farm.wait(job, timeout_s=600).status}")
        done = [job.id for job in farm.iterate(project_id="example", status="complete")]
        print(f"complete: {len(done)}")


if __name__ == "__main__":
    main(*sys.argv[1:])

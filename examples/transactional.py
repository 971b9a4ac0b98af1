"""A job exists exactly when the caller's commit does: `python examples/transactional.py DSN`."""

import sys

import psycopg

from reactor import SyncFarm
from reactor.errors import Missing


def main(dsn: str) -> None:
    with SyncFarm(dsn) as farm, psycopg.connect(dsn) as conn:
        conn.execute("CREATE TEMPORARY TABLE orders (number int PRIMARY KEY, job_id bigint)")
        conn.commit()

        # The order and its job, in one transaction.
        job = farm.create_job("title-card", params={"title": "Order 1"}, connection=conn)
        conn.execute("INSERT INTO orders VALUES (1, %s)", [job.id])
        conn.commit()
        print("committed:", farm.get_job(job).status)

        # Something goes wrong after the job was created: neither order nor job.
        job = farm.create_job("title-card", params={"title": "Order 1"}, connection=conn)
        try:
            conn.execute("INSERT INTO orders VALUES (1, %s)", [job.id])
        except psycopg.errors.UniqueViolation:
            conn.rollback()
        try:
            farm.get_job(job)
        except Missing as missing:
            print("rolled back:", missing)


if __name__ == "__main__":
    main(*sys.argv[1:])

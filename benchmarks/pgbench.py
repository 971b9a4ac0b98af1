"""pgbench as a contestant: what Postgres itself allows, without triggers, Python or a listener."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING

import psycopg
from psycopg import conninfo

if TYPE_CHECKING:
    from benchmarks.bench import Bench

BATCH = 500
"""The limit in the script."""
LIMIT_S = 300
# The same moves as the reactor's, with the same promises: a lost claim is only claimed again.
SCRIPT = """
BEGIN;
SET LOCAL synchronous_commit = off;
WITH claimed AS (
    UPDATE public.actp_gen_jobs
       SET status = 'processing', stage = 'claimed', progress = 10, attempt = attempt + 1,
           claim_token = gen_random_uuid(), lease_expires_at = clock_timestamp() + interval '30 seconds'
     WHERE id = ANY (ARRAY(
        SELECT id FROM public.actp_gen_jobs
         WHERE status = 'pending' AND renderer = 'dry_run' AND approved AND run_after <= now()
         ORDER BY priority DESC, id LIMIT 500 FOR UPDATE SKIP LOCKED))
    RETURNING id)
SELECT array_agg(id) AS ids FROM claimed
\\gset
COMMIT;
UPDATE public.actp_gen_jobs
   SET status = 'complete', stage = NULL, progress = 100, completed_at = clock_timestamp(),
       claim_token = NULL, lease_expires_at = NULL
 WHERE id = ANY (:ids::bigint[]) AND status = 'processing';
"""


def drain(bench: Bench, dsn: str, *, jobs: int, clients: int) -> float:
    """Claim and complete so many jobs; jobs per second."""
    with psycopg.connect(dsn, autocommit=True) as conn:
        conn.execute("ALTER TABLE public.actp_gen_jobs DISABLE TRIGGER USER")
        conn.execute(
            "INSERT INTO public.actp_gen_jobs (renderer, template_id)"
            " SELECT 'dry_run', 'none' FROM generate_series(1, %s)",
            (jobs,),
        )
    script = bench.directory / "claim-and-complete.sql"
    script.write_text(SCRIPT)
    parts = conninfo.conninfo_to_dict(dsn)
    transactions = jobs // BATCH // clients
    command = [str(bench.server.bin_dir / "pgbench"), "--no-vacuum", "--protocol=prepared"]
    command += [f"--file={script}", f"--client={clients}", f"--jobs={clients}"]
    command += [f"--transactions={transactions}"]
    command += [f"--host={parts['host']}", f"--port={parts['port']}", f"--username={parts['user']}"]
    done = subprocess.run(
        [*command, str(parts["dbname"])],
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    found = re.search(r"^tps = ([0-9.]+) \(without", done.stdout, re.MULTILINE)
    if done.returncode or not found:
        raise RuntimeError(f"pgbench: {done.stderr.strip()[-400:]}")
    return float(found[1]) * BATCH

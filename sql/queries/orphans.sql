-- name: list_orphans
-- Files in the render directory that belong to no job.
SELECT path, size_bytes, modified_at, reason FROM reactor.orphans ORDER BY seen_at DESC LIMIT %(most)s;

-- name: replace_orphans
-- What the last full scan of this directory found.
WITH found AS (
    SELECT * FROM unnest(%(paths)s::text[], %(sizes)s::bigint[], %(modified)s::timestamptz[], %(reasons)s::text[])
        AS f (path, size_bytes, modified_at, reason)
), gone AS (
    DELETE FROM reactor.orphans
     WHERE starts_with(path, %(directory)s) AND path NOT IN (SELECT path FROM found)
)
INSERT INTO reactor.orphans (path, size_bytes, modified_at, reason)
SELECT path, size_bytes, modified_at, reason FROM found
ON CONFLICT (path) DO UPDATE
   SET size_bytes = excluded.size_bytes, modified_at = excluded.modified_at, reason = excluded.reason;

-- name: find_known_jobs
-- What the table says of the jobs these files are named after.
SELECT id, status, stage, attempt FROM public.actp_gen_jobs WHERE id = ANY (%(ids)s::bigint[]);

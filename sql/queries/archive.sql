-- name: find_unarchived
-- Published videos whose files lie below this directory and belong into the archive; those up to `beyond` were looked at. Another
-- machine may have a directory of the same name: while one is at work it is waited for, for a day.
SELECT queued.publish_id, job.id AS job_id, job.output_path, job.thumbnail_path, job.sha256, job.file_size_bytes AS size_bytes,
       queued.archive_path, to_char(queued.published_at AT TIME ZONE reactor.time_zone(), 'YYYY/MM') AS month,
       queued.published_at > clock_timestamp() - interval '1 day'
       AND EXISTS (SELECT FROM public.actp_agent_registry
                    WHERE kind = 'reactor' AND host <> %(host)s::text AND heartbeat_at > now() - interval '5 minutes') AS may_be_elsewhere
  FROM reactor.mplite_queue AS queued JOIN public.actp_gen_jobs AS job ON job.id = queued.job_id
 WHERE queued.status = 'published' AND queued.archived_at IS NULL AND queued.publish_id > %(beyond)s::bigint
   AND starts_with(job.output_path, %(directory)s::text)
 ORDER BY queued.publish_id LIMIT %(most)s::integer;

-- name: intend_archiving
-- Say where a file is meant to go before it is moved. No row comes back when the name is another's.
UPDATE reactor.mplite_queue AS queued SET archive_path = %(path)s::text
 WHERE publish_id = %(publish_id)s::bigint AND status = 'published' AND archived_at IS NULL
   AND NOT EXISTS (SELECT FROM reactor.mplite_queue AS other
                    WHERE other.archive_path = %(path)s::text AND other.publish_id <> queued.publish_id)
RETURNING publish_id;

-- name: find_intended_path
-- Where a job's file is on its way to.
SELECT archive_path FROM reactor.mplite_queue WHERE job_id = %(job_id)s::bigint;

-- name: lock_for_archiving
-- Hold the row, unless somebody else has it in hand or the file has gone there, or was meant to go elsewhere since.
SELECT publish_id FROM reactor.mplite_queue
 WHERE publish_id = %(publish_id)s::bigint AND archived_at IS NULL AND archive_path IS NOT DISTINCT FROM %(path)s::text
   FOR UPDATE SKIP LOCKED;

-- name: confirm_archived
-- The files are in their place; the job's paths and the payload follow.
WITH moved AS (
    UPDATE public.actp_gen_jobs SET output_path = %(output_path)s::text, thumbnail_path = %(thumbnail_path)s::text
     WHERE id = %(job_id)s::bigint AND output_path = %(source)s::text
)
UPDATE reactor.mplite_queue
   SET archived_at = clock_timestamp(),
       payload = payload || jsonb_build_object('file', %(output_path)s::text, 'thumbnail', %(thumbnail_path)s::text)
 WHERE publish_id = %(publish_id)s::bigint;

-- name: give_up_archiving
-- There is nothing to move; why not is said once.
UPDATE reactor.mplite_queue SET archived_at = clock_timestamp(), archive_path = NULL, error_message = %(reason)s::text
 WHERE publish_id = %(publish_id)s::bigint AND archived_at IS NULL;

-- name: settle_elsewhere
-- Published videos that no reactor has put into its library stay where they are; some at a time.
UPDATE reactor.mplite_queue AS queued SET archived_at = clock_timestamp()
 WHERE publish_id IN (
       SELECT publish_id FROM reactor.mplite_queue AS waiting JOIN public.actp_gen_jobs AS job ON job.id = waiting.job_id
        WHERE waiting.status = 'published' AND waiting.archived_at IS NULL
          AND NOT coalesce(starts_with(job.output_path, %(directory)s::text), false)
          AND NOT EXISTS (SELECT FROM reactor.publications AS library WHERE library.path = job.output_path AND library.job_id = job.id)
        ORDER BY publish_id LIMIT 1000 FOR UPDATE OF waiting SKIP LOCKED);

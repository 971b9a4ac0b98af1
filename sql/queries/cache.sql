-- name: find_equal
-- The newest complete job with this key, and what its renderer said of it.
SELECT job.id, job.output_path, job.file_size_bytes AS size_bytes, attempt.frames, attempt.renderer_version AS version
  FROM public.actp_gen_jobs AS job
  LEFT JOIN reactor.attempts AS attempt ON attempt.job_id = job.id AND attempt.attempt = job.attempt
 WHERE job.cache_key = %(cache_key)s AND job.status = 'complete' AND job.output_path IS NOT NULL
 ORDER BY job.id DESC
 LIMIT 1;

-- name: note_key
-- Write down what this attempt draws, or from which job it takes the file over, before there is one. What is
-- still to be drawn is found by nobody: an input may change meanwhile, and the watcher may complete the job
-- before its drawing is compared with them.
WITH job AS (
    UPDATE public.actp_gen_jobs
       SET cache_key = CASE WHEN %(cached_from)s::bigint IS NULL THEN 'drawing ' ELSE '' END || %(cache_key)s,
           cached_from = %(cached_from)s::bigint
     WHERE id = %(id)s AND claim_token = %(token)s AND status = 'processing' AND stage = 'rendering'
    RETURNING id, attempt
), noted AS (
    UPDATE reactor.attempts AS a SET cached_from = %(cached_from)s::bigint, frames = coalesce(%(frames)s::integer, a.frames)
      FROM job WHERE a.job_id = job.id AND a.attempt = job.attempt
)
SELECT id FROM job;

-- name: confirm_key
-- What was drawn is what the key says, whether or not the job is complete by now. By whom goes with it: who takes
-- the file over may be quicker than the attempt's own record of it.
WITH job AS (
    UPDATE public.actp_gen_jobs SET cache_key = %(cache_key)s
     WHERE id = %(id)s AND attempt = %(attempt)s AND cache_key = 'drawing ' || %(cache_key)s
    RETURNING id, attempt
)
UPDATE reactor.attempts AS a
   SET renderer_version = coalesce(%(version)s::text, a.renderer_version), frames = coalesce(%(frames)s::integer, a.frames)
  FROM job
 WHERE a.job_id = job.id AND a.attempt = job.attempt AND (a.outcome IS NULL OR a.outcome = 'complete');

-- name: find_equal
-- The newest complete job with this key, and what its renderer said of it.
SELECT job.id, job.output_path, job.file_size_bytes AS size_bytes, attempt.frames, attempt.renderer_version AS version
  FROM public.actp_gen_jobs AS job
  LEFT JOIN reactor.attempts AS attempt ON attempt.job_id = job.id AND attempt.attempt = job.attempt
 WHERE job.cache_key = %(cache_key)s AND job.status = 'complete' AND job.output_path IS NOT NULL
 ORDER BY job.id DESC
 LIMIT 1;

-- name: note_key
-- Write down what this attempt draws, and from which job it takes the file over, before there is one.
WITH job AS (
    UPDATE public.actp_gen_jobs SET cache_key = %(cache_key)s, cached_from = %(cached_from)s::bigint
     WHERE id = %(id)s AND claim_token = %(token)s AND status = 'processing' AND stage = 'rendering'
    RETURNING id, attempt
), noted AS (
    UPDATE reactor.attempts AS a SET cached_from = %(cached_from)s::bigint, frames = coalesce(%(frames)s::integer, a.frames)
      FROM job WHERE a.job_id = job.id AND a.attempt = job.attempt
)
SELECT id FROM job;

-- name: forget_key
-- What was drawn is not what the key says after all.
UPDATE public.actp_gen_jobs SET cache_key = NULL WHERE id = %(id)s AND cache_key = %(cache_key)s;

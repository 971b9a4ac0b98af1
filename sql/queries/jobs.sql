-- name: create_jobs
-- Insert jobs in the order given, in one statement; a key that is taken already inserts nothing.
INSERT INTO public.actp_gen_jobs
       (niche, platform, template_id, renderer, format, quality, container, params, metadata, project_id, session_id, batch_id,
        audio_name, audio_path, approved, idempotency_key, priority, run_after, max_attempts, timeout_s, cache)
SELECT niche, platform, template_id, renderer, format, quality, container, params, metadata, project_id, session_id, batch_id,
       audio_name, audio_path, approved, idempotency_key, priority, coalesce(run_after, now()), max_attempts, timeout_s, cache
  FROM ROWS FROM (jsonb_to_recordset(%(jobs)s::jsonb) AS (
           niche text, platform text, template_id text, renderer text, format text, quality text, container text,
           params jsonb, metadata jsonb, project_id text, session_id text, batch_id text, audio_name text, audio_path text,
           approved boolean, idempotency_key text, priority integer, run_after timestamptz, max_attempts integer,
           timeout_s double precision, cache boolean
       )) WITH ORDINALITY AS job (
           niche, platform, template_id, renderer, format, quality, container, params, metadata, project_id, session_id, batch_id,
           audio_name, audio_path, approved, idempotency_key, priority, run_after, max_attempts, timeout_s, cache, place)
 ORDER BY place
ON CONFLICT (idempotency_key) WHERE idempotency_key IS NOT NULL DO NOTHING
RETURNING id, idempotency_key;

-- name: find_by_keys
-- The jobs these idempotency keys name, with what was asked for then.
SELECT id, idempotency_key, template_id, renderer, format, quality, container, params, project_id, session_id, niche, platform, audio_path
  FROM public.actp_gen_jobs
 WHERE idempotency_key = ANY (%(keys)s::text[]);

-- name: get_job_records
-- These jobs with everything that is known of them, and the live progress.
SELECT * FROM reactor.job_records WHERE id = ANY (%(ids)s::bigint[]) ORDER BY id DESC;

-- name: list_jobs
-- The newest jobs that match, below an id to go on from; what is null does not matter.
SELECT id
  FROM public.actp_gen_jobs
 WHERE (%(status)s::text IS NULL OR status = %(status)s)
   AND (%(project_id)s::text IS NULL OR project_id = %(project_id)s)
   AND (%(session_id)s::text IS NULL OR session_id = %(session_id)s)
   AND (%(batch_id)s::text IS NULL OR batch_id = %(batch_id)s)
   AND (%(before)s::bigint IS NULL OR id < %(before)s)
 ORDER BY id DESC
 LIMIT %(most)s;

-- name: count_active
-- How many jobs of a project wait or are in work.
SELECT count(*) FROM public.actp_gen_jobs WHERE project_id = %(project_id)s AND status IN ('pending', 'processing');

-- name: move_job
-- Another status, by somebody who renders on their own: what belongs to the move is set with it.
WITH job AS (
    UPDATE public.actp_gen_jobs AS j
       SET status = %(status)s, stage = CASE %(status)s WHEN 'processing' THEN 'claimed' END,
           progress = CASE %(status)s WHEN 'processing' THEN 10 WHEN 'complete' THEN 100 WHEN 'pending' THEN 0 ELSE progress END,
           attempt = attempt + CASE %(status)s WHEN 'processing' THEN 1 ELSE 0 END,
           render_started_at = CASE %(status)s WHEN 'processing' THEN clock_timestamp() ELSE render_started_at END,
           render_completed_at = CASE %(status)s WHEN 'processing' THEN NULL WHEN 'pending' THEN NULL
                                 ELSE coalesce(render_completed_at, clock_timestamp()) END,
           completed_at = CASE WHEN %(status)s IN ('complete', 'failed', 'cancelled') THEN clock_timestamp() END,
           retry_count = retry_count + CASE %(status)s WHEN 'failed' THEN 1 ELSE 0 END,
           claim_token = NULL, claimed_by = NULL, lease_expires_at = NULL,
           error_class = CASE WHEN %(status)s IN ('failed', 'cancelled') THEN %(error_class)s::text END,
           error_message = CASE WHEN %(status)s IN ('failed', 'cancelled') THEN %(error_message)s::text END,
           metadata = coalesce(metadata, '{}') || %(metadata)s::jsonb,
           output_path = coalesce(%(output_path)s::text, output_path), thumbnail_path = coalesce(%(thumbnail_path)s::text, thumbnail_path),
           video_url = coalesce(%(video_url)s::text, video_url), file_size_bytes = coalesce(%(file_size_bytes)s::bigint, file_size_bytes),
           duration_s = coalesce(%(duration_s)s::float8, duration_s), width = coalesce(%(width)s::integer, width),
           height = coalesce(%(height)s::integer, height), fps = coalesce(%(fps)s::float8, fps), sha256 = coalesce(%(sha256)s::text, sha256)
     WHERE id = %(id)s AND status = %(expected)s AND reactor.can_transition(status, %(status)s)
    RETURNING id, attempt
), begun AS (
    INSERT INTO reactor.attempts (job_id, attempt, renderer)
    SELECT id, attempt, 'elsewhere' FROM job WHERE %(status)s = 'processing'
    ON CONFLICT (job_id, attempt) DO NOTHING
), ended AS (
    UPDATE reactor.attempts AS a
       SET ended_at = clock_timestamp(), error_class = %(error_class)s, error_message = %(error_message)s, will_retry = %(status)s = 'pending',
           outcome = CASE %(status)s WHEN 'pending' THEN 'released' ELSE %(status)s END
      FROM job WHERE a.job_id = job.id AND a.attempt = job.attempt AND a.ended_at IS NULL AND %(status)s <> 'processing'
), cleared AS (
    DELETE FROM reactor.progress USING job WHERE job_id = job.id
)
SELECT id FROM job;

-- name: get_jobs
-- These jobs as people look at them, with the live progress.
SELECT job.id, coalesce(job.params ->> 'title', job.audio_name) AS title, job.niche, job.platform, job.template_id, job.format, job.quality, job.status, job.stage, job.attempt,
       job.error_class, job.error_message, job.output_path, job.thumbnail_path, job.file_size_bytes, job.duration_s,
       job.created_at, job.render_started_at, job.completed_at,
       CASE WHEN p.fraction IS NOT NULL AND job.stage = 'rendering' THEN 10 + 80 * p.fraction ELSE job.progress END::float8 AS progress,
       p.eta_s, extract(epoch FROM coalesce(job.completed_at, clock_timestamp()) - job.render_started_at)::float8 AS seconds
  FROM public.actp_gen_jobs job
  LEFT JOIN reactor.progress p ON p.job_id = job.id AND p.attempt = job.attempt
 WHERE job.id = ANY (%(ids)s::bigint[])
 ORDER BY job.id;

-- name: find_recent_jobs
-- What is going on: everything in work, then the latest that ended.
(SELECT id FROM public.actp_gen_jobs WHERE status = 'processing' ORDER BY lease_expires_at LIMIT %(most)s)
UNION ALL
(SELECT id FROM public.actp_gen_jobs WHERE status = 'complete' ORDER BY completed_at DESC LIMIT %(most)s)
UNION ALL
(SELECT id FROM public.actp_gen_jobs WHERE status = 'failed' ORDER BY id DESC LIMIT %(most)s)
UNION ALL
(SELECT id FROM public.actp_gen_jobs WHERE status = 'pending' ORDER BY run_after LIMIT %(most)s);

-- name: get_job_stats
-- How many jobs are in which state, how many were completed today, and how long the oldest due one has waited.
SELECT * FROM reactor.get_job_stats();

-- name: claim_next_jobs
-- Take the most urgent due jobs, per renderer as many as it has free slots. A lost claim is only claimed
-- again, so it does not wait for the disk; the setting lasts for this statement's transaction.
WITH relaxed AS MATERIALIZED (
    SELECT set_config('synchronous_commit', 'off', true)
), wanted AS (
    SELECT renderer, slots
      FROM unnest(%(renderers)s::text[], %(slots)s::integer[]) AS w (renderer, slots), relaxed
     WHERE NOT (SELECT paused FROM reactor.control)
), next AS MATERIALIZED (
    SELECT due.id
      FROM wanted
     CROSS JOIN LATERAL (
        SELECT id
          FROM public.actp_gen_jobs
         WHERE status = 'pending' AND renderer = wanted.renderer AND approved IS NOT FALSE
           AND (run_after <= now() OR run_after IS NULL)
         ORDER BY priority DESC, id
         LIMIT wanted.slots
           FOR UPDATE SKIP LOCKED
     ) AS due
)
UPDATE public.actp_gen_jobs AS job
   SET status = 'processing', stage = 'claimed', progress = 10, attempt = coalesce(job.attempt, 0) + 1,
       retry_count = coalesce(job.retry_count, 0), max_attempts = coalesce(job.max_attempts, 3),
       claimed_by = %(reactor_id)s, claim_token = %(token)s,
       lease_expires_at = clock_timestamp() + make_interval(secs => %(lease_s)s),
       error_class = NULL, error_message = NULL
 -- As an array, because a generic plan guesses a join to be so large that it reads the whole table.
 WHERE job.id = ANY (ARRAY(SELECT id FROM next))
RETURNING job.id, job.renderer, job.claim_token;

-- name: look_ahead
-- Pending jobs no live reactor has a renderer for, and the seconds until the next job becomes due.
WITH RECURSIVE named AS (
    (SELECT renderer FROM public.actp_gen_jobs WHERE status = 'pending' ORDER BY renderer LIMIT 1)
    UNION ALL
    SELECT (SELECT renderer FROM public.actp_gen_jobs
             WHERE status = 'pending' AND renderer > named.renderer ORDER BY renderer LIMIT 1)
      FROM named
     WHERE named.renderer IS NOT NULL
), known AS (
    SELECT unnest(%(renderers)s::text[]) AS renderer
    UNION
    SELECT jsonb_array_elements_text(capabilities -> 'renderers')
      FROM public.actp_agent_registry
     WHERE kind = 'reactor' AND heartbeat_at > now() - interval '2 minutes'
)
SELECT (SELECT coalesce(array_agg(renderer), '{}')
          FROM named WHERE renderer IS NOT NULL AND renderer NOT IN (SELECT renderer FROM known)) AS unroutable,
       (SELECT extract(epoch FROM min(run_after) - clock_timestamp())::float8
          FROM public.actp_gen_jobs WHERE status = 'pending' AND run_after > now()) AS next_due_s;

-- name: begin_rendering
-- Start the attempt this token was given for, and write it into the attempts.
WITH job AS (
    UPDATE public.actp_gen_jobs
       SET stage = 'rendering', render_started_at = clock_timestamp(), render_completed_at = NULL
     WHERE id = %(id)s AND claim_token = %(token)s AND status = 'processing' AND stage = 'claimed'
    RETURNING *
), begun AS (
    INSERT INTO reactor.attempts (job_id, attempt, renderer, reactor_id)
    SELECT id, attempt, renderer, claimed_by FROM job
    ON CONFLICT (job_id, attempt) DO NOTHING
)
SELECT id, niche, platform, template_id, renderer, format, quality, container, params, audio_name, audio_path,
       status, stage, attempt, retry_count, max_attempts, claim_token, created_at, render_started_at, output_path
  FROM job;

-- name: mark_rendered
-- The renderer says its file is there; from here on only the file counts.
WITH job AS (
    UPDATE public.actp_gen_jobs
       SET stage = 'rendered', progress = 90, output_path = %(output_path)s, render_completed_at = clock_timestamp()
     WHERE id = %(id)s AND claim_token = %(token)s AND status = 'processing' AND stage = 'rendering'
    RETURNING id, attempt
), versioned AS (
    UPDATE reactor.attempts AS a SET renderer_version = coalesce(%(version)s, renderer_version), frames = %(frames)s
      FROM job WHERE a.job_id = job.id AND a.attempt = job.attempt
)
SELECT id FROM job;

-- name: adopt_output
-- A finished file for this job lies in the render directory: from its own attempt (after a crash, or while
-- it runs here) or dropped by hand (attempt is null; any unfinished job). The new token fences whoever had it.
UPDATE public.actp_gen_jobs
   SET status = 'processing', stage = 'rendered', progress = 90, output_path = %(output_path)s,
       claimed_by = %(reactor_id)s, claim_token = %(token)s,
       lease_expires_at = clock_timestamp() + make_interval(secs => %(lease_s)s),
       render_started_at = coalesce(render_started_at, clock_timestamp()), render_completed_at = clock_timestamp()
 WHERE id = %(id)s
   AND (status = 'pending' OR status = 'processing' AND stage IN ('claimed', 'rendering'))
   AND (%(attempt)s::integer IS NULL
        OR attempt = %(attempt)s AND (status = 'pending' OR claimed_by = %(reactor_id)s OR lease_expires_at < clock_timestamp()))
RETURNING id;

-- name: begin_publishing
-- Take the job's file into hand; only the reactor that holds the lease may.
UPDATE public.actp_gen_jobs AS job
   SET stage = 'publishing'
 WHERE id = %(id)s AND claimed_by = %(reactor_id)s AND status = 'processing' AND stage = 'rendered'
RETURNING id, niche, platform, template_id, renderer, format, quality, container, params, audio_name, audio_path,
       status, stage, attempt, retry_count, max_attempts, claim_token, created_at, render_started_at, output_path,
       (SELECT frames FROM reactor.attempts a WHERE a.job_id = job.id AND a.attempt = job.attempt) AS frames;

-- name: lock_for_publishing
-- Hold the row while the file is moved, so that nobody can take the job in between.
SELECT id
  FROM public.actp_gen_jobs
 WHERE id = %(id)s AND claim_token = %(token)s AND status = 'processing' AND stage = 'publishing'
   FOR UPDATE;

-- name: complete_job
-- The file is verified and in the library.
WITH job AS (
    UPDATE public.actp_gen_jobs
       SET status = 'complete', stage = NULL, progress = 100, completed_at = clock_timestamp(),
           output_path = %(output_path)s, thumbnail_path = %(thumbnail_path)s, file_size_bytes = %(size_bytes)s,
           sha256 = %(sha256)s, duration_s = %(duration_s)s, width = %(width)s, height = %(height)s, fps = %(fps)s,
           claim_token = NULL, claimed_by = NULL, lease_expires_at = NULL, error_class = NULL, error_message = NULL
     WHERE id = %(id)s AND claim_token = %(token)s AND status = 'processing' AND stage = 'publishing'
    RETURNING id, attempt
), ended AS (
    UPDATE reactor.attempts AS a SET ended_at = clock_timestamp(), outcome = 'complete', will_retry = false
      FROM job WHERE a.job_id = job.id AND a.attempt = job.attempt
), cleared AS (
    DELETE FROM reactor.progress USING job WHERE job_id = job.id
)
SELECT id FROM job;

-- name: complete_dry_runs
-- Jobs whose renderer draws nothing end without a file, a whole claim at once. Only a job in `processing`
-- has a stage; saying so again would tempt the planner to walk the index of leases.
UPDATE public.actp_gen_jobs
   SET status = 'complete', stage = NULL, progress = 100, completed_at = clock_timestamp(),
       claim_token = NULL, claimed_by = NULL, lease_expires_at = NULL
 WHERE id = ANY (%(ids)s::bigint[]) AND claim_token = %(token)s AND stage = 'claimed';

-- name: fail_attempt
-- End the attempt without a video: wait and try again while that may help, otherwise the job has failed.
-- A failure that was not the job's doing is not charged, so it can be repeated for as long as it lasts.
WITH job AS (
    UPDATE public.actp_gen_jobs
       SET status = CASE WHEN %(may_retry)s AND (NOT %(charged)s OR retry_count + 1 < max_attempts)
                         THEN 'pending' ELSE 'failed' END,
           retry_count = retry_count + CASE WHEN %(charged)s THEN 1 ELSE 0 END,
           run_after = clock_timestamp() + make_interval(secs => least(3600,
               CASE WHEN %(charged)s THEN %(delay_s)s * power(3, least(retry_count, 8)) ELSE %(delay_s)s END) * (0.9 + 0.2 * random())),
           completed_at = CASE WHEN %(may_retry)s AND (NOT %(charged)s OR retry_count + 1 < max_attempts)
                               THEN NULL ELSE clock_timestamp() END,
           stage = NULL, progress = 0, output_path = NULL, claim_token = NULL, claimed_by = NULL, lease_expires_at = NULL,
           error_class = %(error_class)s, error_message = %(error_message)s
     WHERE id = %(id)s AND claim_token = %(token)s AND status = 'processing'
    RETURNING id, attempt, renderer, status, run_after
), ended AS (
    INSERT INTO reactor.attempts (job_id, attempt, renderer, ended_at, outcome, error_class, error_message, will_retry)
    SELECT id, attempt, renderer, clock_timestamp(), 'failed', %(error_class)s, %(error_message)s, status = 'pending' FROM job
    ON CONFLICT (job_id, attempt) DO UPDATE
       SET ended_at = excluded.ended_at, outcome = excluded.outcome, error_class = excluded.error_class,
           error_message = excluded.error_message, will_retry = excluded.will_retry
), cleared AS (
    DELETE FROM reactor.progress USING job WHERE job_id = job.id
)
SELECT status, extract(epoch FROM run_after - clock_timestamp())::float8 AS wait_s FROM job;

-- name: release_jobs
-- Give leases back, uncharged: at shutdown, or when a claim could not be started.
WITH job AS (
    UPDATE public.actp_gen_jobs AS j
       SET status = 'pending', stage = NULL, progress = 0, run_after = now(), output_path = NULL,
           claim_token = NULL, claimed_by = NULL, lease_expires_at = NULL
      FROM unnest(%(ids)s::bigint[], %(tokens)s::uuid[]) AS mine (id, token)
     WHERE j.id = mine.id AND j.claim_token = mine.token AND j.status = 'processing'
       AND j.stage IN ('claimed', 'rendering')
    RETURNING j.id, j.attempt
), ended AS (
    UPDATE reactor.attempts AS a SET ended_at = clock_timestamp(), outcome = 'released', will_retry = true
      FROM job WHERE a.job_id = job.id AND a.attempt = job.attempt
), cleared AS (
    DELETE FROM reactor.progress USING job WHERE job_id = job.id
)
SELECT id FROM job;

-- name: renew_leases
-- One statement for everything that runs here; what does not come back is ours no more.
UPDATE public.actp_gen_jobs AS j
   SET lease_expires_at = clock_timestamp() + make_interval(secs => %(lease_s)s)
  FROM unnest(%(ids)s::bigint[], %(tokens)s::uuid[]) AS mine (id, token)
 WHERE j.id = mine.id AND j.claim_token = mine.token AND j.status = 'processing'
RETURNING j.id;

-- name: save_progress
-- Where the renders of this reactor are, and one message that says so.
WITH news AS (
    SELECT * FROM unnest(%(ids)s::bigint[], %(attempts)s::integer[], %(fractions)s::real[],
                         %(rendered)s::integer[], %(totals)s::integer[], %(etas)s::real[])
        AS n (job_id, attempt, fraction, rendered_frames, total_frames, eta_s)
), saved AS (
    INSERT INTO reactor.progress AS p (job_id, attempt, fraction, rendered_frames, total_frames, eta_s)
    SELECT * FROM news
    ON CONFLICT (job_id) DO UPDATE
       SET attempt = excluded.attempt, rendered_frames = excluded.rendered_frames, total_frames = excluded.total_frames,
           eta_s = excluded.eta_s, updated_at = now(),
           fraction = CASE WHEN p.attempt = excluded.attempt THEN greatest(p.fraction, excluded.fraction) ELSE excluded.fraction END
    RETURNING job_id
)
SELECT reactor.announce('job.progress', (SELECT array_agg(job_id) FROM saved));

-- name: take_back_expired_jobs
-- Leases that ran out before there was a file: somebody's reactor died. Again, unless the job has now been
-- lost three times running, in which case it is the killer.
WITH lost AS (
    SELECT j.id, j.attempt, j.renderer, j.claimed_by,
           (SELECT count(*) = 2 AND bool_and(outcome = 'lost')
              FROM (SELECT outcome FROM reactor.attempts a
                     WHERE a.job_id = j.id AND a.attempt < j.attempt ORDER BY a.attempt DESC LIMIT 2) AS earlier) AS poison
      FROM public.actp_gen_jobs j
     WHERE j.status = 'processing' AND j.stage IN ('claimed', 'rendering') AND j.lease_expires_at < clock_timestamp()
       AND j.id <> ALL (%(ours)s::bigint[])
     LIMIT 1000
       FOR UPDATE SKIP LOCKED
), job AS (
    UPDATE public.actp_gen_jobs AS j
       SET status = CASE WHEN lost.poison THEN 'failed' ELSE 'pending' END, stage = NULL, progress = 0, run_after = now(),
           claim_token = NULL, claimed_by = NULL, lease_expires_at = NULL,
           completed_at = CASE WHEN lost.poison THEN clock_timestamp() END,
           error_class = CASE WHEN lost.poison THEN 'poison' ELSE 'infrastructure' END,
           error_message = CASE WHEN lost.poison THEN 'three reactors in a row were lost while rendering this job'
                                ELSE 'the reactor that rendered this job was lost' END
      FROM lost WHERE j.id = lost.id
    RETURNING j.id, j.status
), ended AS (
    INSERT INTO reactor.attempts (job_id, attempt, renderer, reactor_id, ended_at, outcome, will_retry)
    SELECT id, attempt, renderer, claimed_by, clock_timestamp(), 'lost', NOT poison FROM lost
    ON CONFLICT (job_id, attempt) DO UPDATE
       SET ended_at = excluded.ended_at, outcome = excluded.outcome, will_retry = excluded.will_retry
), cleared AS (
    DELETE FROM reactor.progress USING job WHERE job_id = job.id
)
SELECT id, status FROM job;

-- name: take_over_outputs
-- Leases that ran out after the file was there: go on where the other stopped, without rendering again.
WITH lost AS (
    SELECT id FROM public.actp_gen_jobs
     WHERE status = 'processing' AND stage IN ('rendered', 'publishing') AND lease_expires_at < clock_timestamp()
       AND id <> ALL (%(ours)s::bigint[])
     LIMIT 100
       FOR UPDATE SKIP LOCKED
)
UPDATE public.actp_gen_jobs AS j
   SET stage = 'rendered', claimed_by = %(reactor_id)s, claim_token = %(token)s,
       lease_expires_at = clock_timestamp() + make_interval(secs => %(lease_s)s)
  FROM lost WHERE j.id = lost.id
RETURNING j.id;

-- name: find_unfinished_outputs
-- Files of ours that wait for publishing although nobody works on them: a lost event.
SELECT id FROM public.actp_gen_jobs
 WHERE status = 'processing' AND stage = 'rendered' AND claimed_by = %(reactor_id)s AND id <> ALL (%(ours)s::bigint[]);

-- name: find_stopped_jobs
-- Of the jobs that run here, those the table says should not: cancelled, or somebody else's by now.
SELECT mine.id
  FROM unnest(%(ids)s::bigint[], %(tokens)s::uuid[]) AS mine (id, token)
  LEFT JOIN public.actp_gen_jobs j ON j.id = mine.id AND j.claim_token = mine.token AND j.status = 'processing'
 WHERE j.id IS NULL;

-- name: create_job
-- Insert one job with what was said of it; the rest has defaults.
INSERT INTO public.actp_gen_jobs (niche, platform, template_id, renderer, format, quality, container, params, priority)
VALUES (%(niche)s, %(platform)s, %(template_id)s, %(renderer)s, %(format)s, %(quality)s, %(container)s, %(params)s, %(priority)s)
RETURNING id;

-- name: get_jobs
-- These jobs as people look at them, with the live progress.
SELECT job.id, job.params ->> 'title' AS title, job.niche, job.platform, job.template_id, job.format, job.quality, job.status, job.stage, job.attempt,
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
(SELECT id FROM public.actp_gen_jobs WHERE status = 'pending' ORDER BY renderer, priority DESC, id LIMIT %(most)s);

-- name: get_job_stats
-- How many jobs are in which state, how many were completed since midnight, and how long the oldest due one has waited.
SELECT (SELECT count(*) FROM public.actp_gen_jobs WHERE status = 'pending') AS pending,
       (SELECT count(*) FROM public.actp_gen_jobs WHERE status = 'processing') AS processing,
       (SELECT count(*) FROM public.actp_gen_jobs WHERE status = 'complete') AS complete,
       (SELECT count(*) FROM public.actp_gen_jobs WHERE status = 'failed') AS failed,
       (SELECT count(*) FROM public.actp_gen_jobs WHERE status = 'complete' AND completed_at >= date_trunc('day', now())) AS complete_today,
       (SELECT extract(epoch FROM clock_timestamp() - min(run_after))::float8
          FROM public.actp_gen_jobs WHERE status = 'pending' AND approved AND run_after <= now()) AS oldest_due_s;

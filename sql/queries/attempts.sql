-- name: claim_next_jobs
-- Take the due jobs whose turn it is, per renderer as many as it has free slots; `sql/claim.sql` says how.
SELECT job_id, job_renderer, %(token)s::uuid
  FROM reactor.claim_next_jobs(%(renderers)s::text[], %(slots)s::integer[], %(reactor_id)s::uuid, %(token)s::uuid,
                               %(lease_s)s::float8, %(project_max_rendering)s::integer);

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
       SET stage = 'rendering', render_started_at = clock_timestamp(), render_completed_at = NULL,
           cache_key = NULL, cached_from = NULL
     WHERE id = %(id)s AND claim_token = %(token)s AND status = 'processing' AND stage = 'claimed'
    RETURNING *
), begun AS (
    INSERT INTO reactor.attempts (job_id, attempt, renderer, reactor_id)
    SELECT id, attempt, renderer, claimed_by FROM job
    ON CONFLICT (job_id, attempt) DO NOTHING
)
SELECT id, niche, platform, template_id, renderer, format, quality, container, params, audio_name, audio_path,
       status, stage, attempt, retry_count, max_attempts, claim_token, created_at, render_started_at, output_path, timeout_s,
       cache IS NOT FALSE AS cache,
       EXISTS (SELECT FROM reactor.attempts a WHERE a.job_id = job.id AND a.cached_from IS NOT NULL) AS was_cached
  FROM job;

-- name: mark_rendered
-- The file is there; from here on only the file counts. The watcher may see it before the renderer says so, so
-- what the renderer says is written down for its attempt either way, unless that was ended otherwise.
WITH job AS (
    UPDATE public.actp_gen_jobs
       SET stage = 'rendered', progress = 90, output_path = %(output_path)s, render_completed_at = clock_timestamp()
     WHERE id = %(id)s AND claim_token = %(token)s AND status = 'processing' AND stage = 'rendering'
    RETURNING id, attempt
), described AS (
    UPDATE reactor.attempts
       SET rendered_at = coalesce(rendered_at, clock_timestamp()), renderer_version = coalesce(%(version)s, renderer_version),
           frames = coalesce(%(frames)s, frames), log_tail = coalesce(%(log)s, log_tail)
     WHERE job_id = %(id)s AND attempt = coalesce(%(attempt)s::integer, (SELECT attempt FROM job))
       AND (outcome IS NULL OR outcome = 'complete')
)
SELECT id FROM job;

-- name: adopt_output
-- A finished file for this job lies in the render directory: from its own attempt (after a crash, or while
-- it runs here) or dropped by hand (attempt is null; any unfinished job). The new token fences whoever had it.
UPDATE public.actp_gen_jobs
   SET status = 'processing', stage = 'rendered', progress = 90, output_path = %(output_path)s,
       claimed_by = %(reactor_id)s, claim_token = %(token)s,
       lease_expires_at = clock_timestamp() + make_interval(secs => %(lease_s)s),
       render_started_at = coalesce(render_started_at, clock_timestamp()), render_completed_at = clock_timestamp(),
       -- What a person dropped is not what the key says.
       cache_key = CASE WHEN %(attempt)s::integer IS NOT NULL THEN cache_key END,
       cached_from = CASE WHEN %(attempt)s::integer IS NOT NULL THEN cached_from END
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
       status, stage, attempt, retry_count, max_attempts, claim_token, created_at, render_started_at, output_path, timeout_s,
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
    RETURNING id, attempt, renderer, template_id, coalesce(format, 'full_16_9') AS format, coalesce(quality, '1080p') AS quality
), took AS (
    -- An attempt that was lost in between has no time of its own: its file may have lain there for long.
    SELECT job.renderer, template_id, format, quality, extract(epoch FROM rendered_at - started_at)::float8 AS seconds
      FROM job JOIN reactor.attempts AS a ON a.job_id = job.id AND a.attempt = job.attempt
     WHERE template_id IS NOT NULL AND rendered_at IS NOT NULL AND a.ended_at IS NULL AND a.cached_from IS NULL
), ended AS (
    -- A file dropped by hand does not undo how the attempt before it ended.
    UPDATE reactor.attempts AS a
       SET ended_at = clock_timestamp(), outcome = 'complete', error_class = NULL, error_message = NULL, error_frame = NULL,
           will_retry = false
      FROM job WHERE a.job_id = job.id AND a.attempt = job.attempt AND (a.ended_at IS NULL OR a.outcome IN ('lost', 'released'))
), first_of_its_kind AS (
    INSERT INTO reactor.render_times (renderer, template_id, format, quality, renders, mean_s)
    SELECT renderer, template_id, format, quality, 1, seconds FROM took
     WHERE NOT EXISTS (SELECT FROM reactor.render_times AS t
                        WHERE (t.renderer, t.template_id, t.format, t.quality) = (took.renderer, took.template_id, took.format, took.quality))
    ON CONFLICT DO NOTHING
), free AS (
    -- Nobody waits for a mean: while another completion writes it, this one is not counted.
    SELECT t.renderer, t.template_id, t.format, t.quality, seconds
      FROM reactor.render_times AS t JOIN took USING (renderer, template_id, format, quality)
       FOR UPDATE OF t SKIP LOCKED
), counted AS (
    UPDATE reactor.render_times AS t
       SET renders = t.renders + 1, mean_s = t.mean_s + (seconds - t.mean_s) / least(t.renders + 1, 10), updated_at = now()
      FROM free
     WHERE (t.renderer, t.template_id, t.format, t.quality) = (free.renderer, free.template_id, free.format, free.quality)
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
WITH was AS (
    SELECT id, claimed_by FROM public.actp_gen_jobs WHERE id = %(id)s
), job AS (
    UPDATE public.actp_gen_jobs AS j
       SET status = CASE WHEN %(may_retry)s AND (NOT %(charged)s OR retry_count + 1 < max_attempts)
                         THEN 'pending' ELSE 'failed' END,
           retry_count = retry_count + CASE WHEN %(charged)s THEN 1 ELSE 0 END,
           run_after = clock_timestamp() + make_interval(secs => least(3600,
               CASE WHEN %(charged)s THEN %(delay_s)s * power(3, least(retry_count, 8)) ELSE %(delay_s)s END) * (0.9 + 0.2 * random())),
           completed_at = CASE WHEN %(may_retry)s AND (NOT %(charged)s OR retry_count + 1 < max_attempts)
                               THEN NULL ELSE clock_timestamp() END,
           render_completed_at = CASE WHEN %(may_retry)s AND (NOT %(charged)s OR retry_count + 1 < max_attempts)
                                      THEN NULL ELSE coalesce(render_completed_at, clock_timestamp()) END,
           stage = NULL, progress = 0, output_path = NULL, claim_token = NULL, claimed_by = NULL, lease_expires_at = NULL,
           error_class = %(error_class)s, error_message = %(error_message)s
      FROM was WHERE j.id = was.id AND claim_token = %(token)s AND status = 'processing'
    RETURNING j.id, attempt, renderer, status, run_after, was.claimed_by AS reactor_id
), ended AS (
    INSERT INTO reactor.attempts AS a (job_id, attempt, renderer, reactor_id, ended_at, outcome, error_class, error_message,
                                       will_retry, renderer_version, error_frame, log_tail)
    SELECT id, attempt, renderer, reactor_id, clock_timestamp(), 'failed', %(error_class)s, %(error_message)s, status = 'pending',
           %(version)s::text, %(frame)s::integer, %(log)s::text
      FROM job
    ON CONFLICT (job_id, attempt) DO UPDATE
       SET ended_at = excluded.ended_at, outcome = excluded.outcome, error_class = excluded.error_class,
           error_message = excluded.error_message, will_retry = excluded.will_retry,
           renderer_version = coalesce(excluded.renderer_version, a.renderer_version),
           error_frame = excluded.error_frame, log_tail = coalesce(excluded.log_tail, a.log_tail)
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
SELECT reactor.tell('job.progress', (SELECT array_agg(job_id) FROM saved));

-- name: clear_progress
-- A last word that was written while its render ended, or whose job somebody deleted.
DELETE FROM reactor.progress AS p
 WHERE NOT EXISTS (SELECT FROM public.actp_gen_jobs AS j
                    WHERE j.id = p.job_id AND j.attempt = p.attempt AND j.status = 'processing');

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
           render_completed_at = CASE WHEN lost.poison THEN clock_timestamp() END,
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

-- name: find_cancelled_jobs
-- Of these jobs, those that were cancelled after they had been claimed: files of theirs may lie about.
SELECT id, output_path FROM public.actp_gen_jobs WHERE id = ANY (%(ids)s::bigint[]) AND status = 'cancelled' AND attempt > 0;

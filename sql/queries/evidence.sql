-- name: find_evidence
-- A job and what the latest tries at it left behind, the newest first, in one trip.
SELECT record.*,
       (SELECT coalesce(json_agg(latest), '[]')
          FROM (SELECT attempt, renderer, renderer_version, reactor_id, started_at, rendered_at, ended_at, outcome, error_class,
                       error_message, error_frame, will_retry, frames, log_tail, cached_from
                  FROM reactor.attempts WHERE job_id = %(id)s
                 ORDER BY attempt DESC LIMIT %(most)s) AS latest) AS attempts
  FROM reactor.job_records AS record
 WHERE record.id = %(id)s;

-- name: explain_wait
-- What is known of how long an unfinished job will take, and why it does not run now: `sql/why.sql` says it.
SELECT wait.before, wait.held, wait.reason,
       greatest(0, extract(epoch FROM job.run_after - clock_timestamp()))::float8 AS due_in_s,
       CASE WHEN job.stage = 'rendering' THEN extract(epoch FROM clock_timestamp() - job.render_started_at)::float8 END AS elapsed_s,
       own.mean_s AS typical_s,
       (SELECT sum(renders * mean_s) / sum(renders) FROM reactor.render_times AS t WHERE t.renderer = job.renderer)::float8 AS usual_s,
       reactor.known_slots(job.renderer) AS slots
  FROM public.actp_gen_jobs AS job
 CROSS JOIN LATERAL reactor.explain_wait(job.id::bigint, %(usual_most)s::integer) AS wait
  LEFT JOIN reactor.render_times AS own
         ON own.renderer = job.renderer AND own.template_id = job.template_id
        AND own.format = coalesce(job.format, 'full_16_9') AND own.quality = coalesce(job.quality, '1080p')
 WHERE job.id = %(id)s;

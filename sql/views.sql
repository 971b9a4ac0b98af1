-- What people look at, under one name each. Re-applied after every migrate: create or replace only.

-- A job with everything that is known of it, and the live progress. A time that never comes is null.
CREATE OR REPLACE VIEW reactor.job_records AS
SELECT job.id, coalesce(job.params ->> 'title', job.audio_name) AS title, job.niche, job.platform, job.template_id, job.renderer, job.format, job.quality,
       job.container, job.params, job.metadata, job.project_id, job.session_id, job.batch_id, job.audio_name, job.audio_path,
       job.approved, job.idempotency_key, job.status, job.stage, job.priority,
       CASE WHEN isfinite(job.run_after) THEN job.run_after END AS run_after, job.attempt, job.retry_count,
       job.max_attempts, job.timeout_s, job.cache, job.cached_from, job.created_at, job.render_started_at,
       job.render_completed_at, job.completed_at, job.output_path, job.thumbnail_path, job.video_url, job.file_size_bytes,
       job.duration_s, job.width, job.height, job.fps, job.sha256, job.error_class, job.error_message,
       CASE WHEN p.fraction IS NOT NULL AND job.stage = 'rendering' THEN 10 + 80 * p.fraction ELSE job.progress END::float8 AS progress,
       p.rendered_frames, p.total_frames, p.eta_s
  FROM public.actp_gen_jobs job
  LEFT JOIN reactor.progress p ON p.job_id = job.id AND p.attempt = job.attempt;

-- Reactors and renderers. Without a heartbeat for a minute an agent is down, whatever it said last.
CREATE OR REPLACE VIEW reactor.agents AS
SELECT agent_id, name, kind,
       CASE WHEN status <> 'stopped' AND heartbeat_at < now() - interval '1 minute' THEN 'down' ELSE status END AS status,
       pid, host, version, url, capabilities, started_at, heartbeat_at
  FROM public.actp_agent_registry
 WHERE kind IN ('reactor', 'renderer');

-- What a person should look at.
CREATE OR REPLACE VIEW reactor.open_alerts AS
SELECT id, kind, subject, message, raised_at, seen_at FROM reactor.alerts WHERE resolved_at IS NULL;

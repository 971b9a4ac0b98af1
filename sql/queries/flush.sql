-- name: find_waiting
-- What a flush is about: all that is pending and approved, how much that is, and the first of it in the order of the claims.
WITH waiting AS (
    SELECT id, priority FROM public.actp_gen_jobs WHERE status = 'pending' AND approved IS NOT FALSE
)
SELECT (SELECT count(*) FROM waiting) AS pending,
       ARRAY(SELECT id FROM waiting ORDER BY priority DESC, id LIMIT %(most)s::integer) AS ids,
       (SELECT paused FROM reactor.control) AS paused;

-- name: find_ended
-- Which of these jobs have ended, and how; one whose row was deleted is `gone`.
SELECT asked.id, job.niche, job.platform, job.template_id, coalesce(job.status, 'gone') AS status, job.output_path,
       job.error_class, job.error_message, extract(epoch FROM job.completed_at - job.render_started_at)::float8 AS seconds
  FROM unnest(%(ids)s::bigint[]) AS asked (id) LEFT JOIN public.actp_gen_jobs AS job USING (id)
 WHERE job.id IS NULL OR job.status IN ('complete', 'failed', 'cancelled')
 ORDER BY job.completed_at NULLS LAST, asked.id;

-- name: find_prospect
-- Whether these jobs can be expected to move: who works here, whether anything may be claimed, and how many are in work.
SELECT (SELECT paused FROM reactor.control) AS paused,
       EXISTS (SELECT FROM public.actp_agent_registry
                WHERE kind = 'reactor' AND status <> 'stopped' AND heartbeat_at > clock_timestamp() - interval '1 minute') AS attended,
       (SELECT count(*) FROM public.actp_gen_jobs WHERE id = ANY (%(ids)s::bigint[]) AND status = 'processing') AS in_work;

-- name: note_start
-- Somebody asked for the renderer; what came of it is in the log.
INSERT INTO reactor.commands (verb, given_by, outcome) VALUES ('start', %(given_by)s::text, 'the renderer is asked to run');

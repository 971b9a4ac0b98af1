-- name: raise_alert
-- One open alert for the same trouble, whoever sees it.
INSERT INTO reactor.alerts (kind, subject, message)
VALUES (%(kind)s, %(subject)s, %(message)s)
ON CONFLICT (kind, subject) WHERE resolved_at IS NULL DO NOTHING
RETURNING id;

-- name: raise_job_alerts
-- Jobs that failed for good, one alert each. The lock keeps a retry from slipping in between.
INSERT INTO reactor.alerts (kind, subject, message)
SELECT 'job_failed', id::text, format('job %%s failed (%%s): %%s', id, coalesce(error_class, 'unknown'), coalesce(error_message, ''))
  FROM public.actp_gen_jobs
 WHERE id = ANY (%(ids)s::bigint[]) AND status = 'failed'
   FOR SHARE
ON CONFLICT (kind, subject) WHERE resolved_at IS NULL DO NOTHING;

-- name: resolve_alert
-- The trouble is over.
UPDATE reactor.alerts SET resolved_at = clock_timestamp()
 WHERE kind = %(kind)s AND subject = %(subject)s AND resolved_at IS NULL;

-- name: list_open_alerts
-- What a person should look at, newest first.
SELECT id, kind, subject, message, raised_at FROM reactor.alerts
 WHERE resolved_at IS NULL ORDER BY raised_at DESC LIMIT %(most)s;

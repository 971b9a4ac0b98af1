-- name: report_alert
-- There is trouble, or there is none: raised, resolved or nothing.
SELECT reactor.report(%(kind)s::text, %(subject)s::text, %(trouble)s::boolean, %(message)s::text, %(known_for_s)s::float8);

-- name: report_failed_jobs
-- Jobs that failed for good, one alert each.
SELECT outcome, kind, subject FROM reactor.report_failed_jobs(%(ids)s::bigint[]) WHERE outcome <> 'nothing';

-- name: check_farm
-- What only the database knows; what has changed by it.
SELECT outcome, kind, subject FROM reactor.check_farm(%(expects_work)s::boolean, %(watched_for_s)s::float8);

-- name: alert_if_behind
-- Whether less is made today than should be; the last row is today's.
SELECT outcome, kind, subject, behind FROM reactor.alert_if_behind(%(target_per_day)s::integer);

-- name: is_renderer_missed
-- Whether jobs are due that only a render server can draw, and there is none.
SELECT EXISTS (SELECT FROM public.actp_gen_jobs
                WHERE renderer = 'server' AND status = 'pending' AND approved AND run_after <= now())
   AND NOT EXISTS (SELECT FROM reactor.agents WHERE kind = 'renderer' AND status = 'running');

-- name: list_open_alerts
-- What a person should look at, newest first.
SELECT id, kind, subject, message, raised_at FROM reactor.open_alerts ORDER BY raised_at DESC, id DESC LIMIT %(most)s;

-- name: list_alerts
-- A page of them, the newest first: the open ones, or those that are over as well.
SELECT id, kind, subject, message, raised_at, seen_at, resolved_at FROM reactor.alerts
 WHERE (%(ended)s::boolean OR resolved_at IS NULL) AND id < coalesce(%(before)s::bigint, 9223372036854775807)
 ORDER BY id DESC LIMIT %(most)s;

-- name: count_open_alerts
-- How many are open, by kind.
SELECT kind, count(*) FROM reactor.open_alerts GROUP BY kind ORDER BY kind;

-- name: prune_alerts
-- Forget some that have been over for long.
DELETE FROM reactor.alerts WHERE id IN (
    SELECT id FROM reactor.alerts WHERE resolved_at < now() - make_interval(days => %(keep_days)s) ORDER BY id LIMIT 1000);

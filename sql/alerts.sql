-- What needs a person: one open alert for the same trouble, whoever sees it. Re-applied after every migrate: create or
-- replace only. The row tells (reactor.on_alert in triggers.sql): NOTIFY reactor_alerts, and a message to webhooks.

-- What somebody saw `known_for_s` ago: trouble, or that there is none. Newer knowledge wins: what was seen before the alert was last
-- confirmed does not resolve it, and what was seen before it was resolved does not raise it again. Answers raised, resolved or nothing.
CREATE OR REPLACE FUNCTION reactor.report(
    kind text, subject text, trouble boolean, message text DEFAULT '', known_for_s double precision DEFAULT 0
) RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, reactor, pg_temp AS $$
#variable_conflict use_column
DECLARE
    known_at timestamptz := clock_timestamp() - make_interval(secs => least(greatest(known_for_s, 0), 1e8));
    -- An index entry has a limit; what differs stays different.
    about text := CASE WHEN length(report.subject) <= 400 THEN report.subject ELSE left(report.subject, 360) || ' ' || md5(report.subject) END;
    alert record;
BEGIN
    -- Most often there is nothing new: then nothing is locked and nothing written.
    SELECT id, resolved_at, seen_at INTO alert FROM reactor.alerts WHERE kind = report.kind AND subject = about ORDER BY id DESC LIMIT 1;
    IF trouble AND alert.id IS NOT NULL AND alert.resolved_at IS NULL AND alert.seen_at > known_at - interval '20 s'
       OR NOT trouble AND (alert.id IS NULL OR alert.resolved_at IS NOT NULL) THEN
        RETURN 'nothing';
    END IF;
    -- The latest row is the lock; until it is ours somebody may have opened a later one.
    LOOP
        SELECT id, resolved_at, seen_at INTO alert FROM reactor.alerts WHERE kind = report.kind AND subject = about
         ORDER BY id DESC LIMIT 1 FOR UPDATE;
        EXIT WHEN NOT EXISTS (SELECT FROM reactor.alerts WHERE kind = report.kind AND subject = about AND id > alert.id);
    END LOOP;
    IF trouble AND alert.id IS NOT NULL AND alert.resolved_at IS NULL THEN
        UPDATE reactor.alerts SET seen_at = greatest(seen_at, known_at), message = left(report.message, 4000) WHERE id = alert.id;
    ELSIF trouble AND (alert.resolved_at IS NULL OR NOT reactor.is_later(alert.resolved_at, known_at)) THEN
        -- Whoever is the first to open it, opens it.
        INSERT INTO reactor.alerts (kind, subject, message, raised_at, seen_at)
        VALUES (report.kind, about, left(report.message, 4000), clock_timestamp(), known_at)
        ON CONFLICT (kind, subject) WHERE resolved_at IS NULL DO NOTHING;
        IF FOUND THEN
            RETURN 'raised';
        END IF;
    ELSIF NOT trouble AND alert.resolved_at IS NULL AND NOT reactor.is_later(alert.seen_at, known_at) THEN
        UPDATE reactor.alerts SET resolved_at = clock_timestamp() WHERE id = alert.id AND resolved_at IS NULL;
        IF FOUND THEN
            RETURN 'resolved';
        END IF;
    END IF;
    RETURN 'nothing';
END $$;

-- Whether one moment is at or after another. A moment that is yet to come was written by a clock that has since been
-- put back: it must not hold everything up until then.
CREATE OR REPLACE FUNCTION reactor.is_later(moment timestamptz, than timestamptz) RETURNS boolean
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
    SELECT moment >= than AND moment <= clock_timestamp()
$$;

-- Jobs that failed for good, one alert each. The lock keeps a retry from slipping in between.
CREATE OR REPLACE FUNCTION reactor.report_failed_jobs(ids bigint[]) RETURNS TABLE (outcome text, kind text, subject text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, reactor, pg_temp AS $$
DECLARE
    job record;
BEGIN
    kind := 'job_failed';
    FOR job IN
        SELECT id, error_class, error_message FROM public.actp_gen_jobs
         WHERE id = ANY (ids) AND status = 'failed' ORDER BY id FOR SHARE
    LOOP
        subject := job.id::text;
        outcome := reactor.report(kind, subject, true, format('job %s failed (%s): %s', job.id,
                                  coalesce(job.error_class, 'unknown'), coalesce(job.error_message, '')));
        RETURN NEXT;
    END LOOP;
END $$;

-- Alerts about jobs that are not failed any more, however that came; and failures whose event was lost, of the last day.
CREATE OR REPLACE FUNCTION reactor.check_failed_jobs() RETURNS TABLE (outcome text, kind text, subject text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, reactor, pg_temp AS $$
DECLARE
    told record;
    now_is text;
BEGIN
    kind := 'job_failed';
    FOR told IN
        SELECT alert.subject, job.id
          FROM reactor.alerts AS alert
          LEFT JOIN public.actp_gen_jobs AS job ON job.id = reactor.job_of_alert(alert.kind, alert.subject)
         WHERE alert.kind = 'job_failed' AND alert.resolved_at IS NULL AND job.status IS DISTINCT FROM 'failed'
         ORDER BY job.id LIMIT 1000
    LOOP
        -- It may have failed again just now; with the lock it cannot.
        SELECT status INTO now_is FROM public.actp_gen_jobs WHERE id = told.id FOR SHARE;
        IF now_is IS DISTINCT FROM 'failed' THEN
            subject := told.subject;
            outcome := reactor.report(kind, subject, false);
            RETURN NEXT;
        END IF;
    END LOOP;
    RETURN QUERY SELECT * FROM reactor.report_failed_jobs(ARRAY(
        SELECT id FROM public.actp_gen_jobs AS job
         WHERE status = 'failed' AND attempt > 0 AND completed_at > clock_timestamp() - interval '1 day'
           AND NOT EXISTS (SELECT FROM reactor.alerts AS alert
                            WHERE alert.kind = 'job_failed' AND alert.subject = job.id::text
                              AND (alert.resolved_at IS NULL OR alert.raised_at >= job.completed_at))
         ORDER BY id DESC LIMIT 100));
END $$;

-- The job that an alert is about, if it is about one.
CREATE OR REPLACE FUNCTION reactor.job_of_alert(kind text, subject text) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN kind IN ('job_failed', 'publish_blocked', 'publish_failed') AND subject ~ '^[1-9][0-9]{0,17}$' THEN subject::bigint END
$$;

-- Nothing to do, although there should be: work is expected, and today's videos are not all made.
CREATE OR REPLACE FUNCTION reactor.check_queue(expects_work boolean, watched_for_s double precision)
RETURNS TABLE (outcome text, kind text, subject text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, reactor, pg_temp AS $$
DECLARE
    done bigint;
    wanted bigint;
BEGIN
    kind := 'queue_empty';
    subject := 'farm';
    IF EXISTS (SELECT FROM public.actp_gen_jobs WHERE status = 'pending')
       OR EXISTS (SELECT FROM public.actp_gen_jobs WHERE status = 'processing') THEN
        outcome := reactor.report(kind, subject, false);
        RETURN NEXT;
    -- Between the end of one job and the making of the next it is empty for a moment, and after a start for a while.
    ELSIF expects_work AND watched_for_s >= 60 AND NOT EXISTS (
        SELECT FROM public.actp_gen_jobs WHERE status = 'complete' AND completed_at > clock_timestamp() - interval '1 minute') THEN
        SELECT coalesce(sum(renders), 0) INTO done FROM reactor.count_by_platform(reactor.today());
        SELECT greatest(1, coalesce(target_per_day, (SELECT sum(daily_target) FROM reactor.platforms WHERE enabled))) INTO wanted
          FROM reactor.control;
        outcome := reactor.report(kind, subject, done < wanted, format(
            'the queue is empty: nothing is pending, nothing renders, and %s of today''s %s videos are done', done, wanted));
        RETURN NEXT;
    END IF;
END $$;

-- What nobody confirms for five minutes is over as far as anybody knows: whoever saw it is gone. Only whoever has looked all the while
-- may say so, because nobody could confirm anything while the database was away. The other kinds end with their row.
CREATE OR REPLACE FUNCTION reactor.expire_alerts(watched_for_s double precision) RETURNS TABLE (outcome text, kind text, subject text)
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, reactor, pg_temp AS $$
    UPDATE reactor.alerts AS alert SET resolved_at = clock_timestamp()
     WHERE alert.resolved_at IS NULL AND watched_for_s >= 300 AND alert.seen_at < clock_timestamp() - interval '5 minutes'
       AND alert.kind IN ('renderer_down', 'disk_low', 'listener_deaf', 'pace_behind', 'queue_empty')
    RETURNING 'resolved', alert.kind, alert.subject
$$;

-- Less is made today than should be: by `target_per_day`, else by the target in reactor.control; without one there is no alarm.
-- The alert is about the day, and over with it.
CREATE OR REPLACE FUNCTION reactor.alert_if_behind(target_per_day integer DEFAULT NULL)
RETURNS TABLE (outcome text, kind text, subject text, behind boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, reactor, pg_temp AS $$
DECLARE
    pace record;
    wanted bigint;
BEGIN
    kind := 'pace_behind';
    behind := false;
    FOR subject IN
        SELECT alert.subject FROM reactor.alerts AS alert
         WHERE alert.kind = 'pace_behind' AND alert.resolved_at IS NULL AND alert.subject <> reactor.today()::text
    LOOP
        outcome := reactor.report(kind, subject, false);
        RETURN NEXT;
    END LOOP;
    SELECT coalesce(alert_if_behind.target_per_day, control.target_per_day) INTO wanted FROM reactor.control;
    IF wanted IS NOT NULL THEN
        SELECT * INTO pace FROM reactor.pace;
        subject := pace.day::text;
        -- A farm is given its first hour before anybody is called.
        behind := pace.forecast < wanted
            AND (alert_if_behind.target_per_day IS NOT NULL OR (SELECT min(applied_at) FROM reactor.migrations) < clock_timestamp() - interval '1 hour');
        outcome := reactor.report(kind, subject, behind, format(
            '%s of %s videos are done on %s, and at this pace it will be %s%s', pace.done, wanted, pace.day, floor(pace.forecast),
            (SELECT '; behind on ' || string_agg(format('%s (%s of %s)', platform, done, daily_least), ', ' ORDER BY platform)
               FROM reactor.platform_pace WHERE NOT on_course)));
        RETURN NEXT;
    END IF;
END $$;

-- What only the database knows, in one look; of several reactors that look at once one does.
CREATE OR REPLACE FUNCTION reactor.check_farm(expects_work boolean, watched_for_s double precision)
RETURNS TABLE (outcome text, kind text, subject text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, reactor, pg_temp AS $$
BEGIN
    IF pg_try_advisory_xact_lock(hashtext('reactor:check_farm')) THEN
        RETURN QUERY
            SELECT said.* FROM (
                SELECT * FROM reactor.check_failed_jobs()
                UNION ALL SELECT * FROM reactor.check_queue(expects_work, watched_for_s)
                UNION ALL SELECT a.outcome, a.kind, a.subject FROM reactor.alert_if_behind() AS a
                UNION ALL SELECT * FROM reactor.expire_alerts(watched_for_s)) AS said
             WHERE said.outcome <> 'nothing';
    END IF;
END $$;

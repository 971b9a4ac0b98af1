-- Control from psql: these functions are the authority. Re-applied after every migrate.
-- `reactor.obey` does the deed and writes the audit row; the short functions say who asked.
-- They run as their owner, so an operator needs no right on any table.

-- What had other parameters in an earlier release would stay beside its successor.
DROP FUNCTION IF EXISTS reactor.obey(text, bigint, text, text);
DROP FUNCTION IF EXISTS reactor.retry(bigint);

-- `verdict` is done, missing (no such job) or refused (not in its present state); `outcome` says it to people.
CREATE OR REPLACE FUNCTION reactor.obey(
    verb text, job bigint, reason text, given_by text, force boolean, OUT verdict text, OUT outcome text
) LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, reactor, pg_temp AS $$
DECLARE
    touched bigint;
    was record;
BEGIN
    verdict := 'done';
    IF verb IN ('retry', 'cancel', 'approve') THEN
        SELECT status, stage, approved, retry_count, max_attempts INTO was
          FROM public.actp_gen_jobs WHERE id = job FOR UPDATE;
        IF NOT FOUND THEN
            verdict := 'missing';
            outcome := format('there is no job %s', job);
        END IF;
    END IF;
    IF verdict = 'missing' THEN
        NULL;
    ELSIF verb IN ('pause', 'resume') THEN
        UPDATE reactor.control SET paused = (verb = 'pause'), changed_at = now(), changed_by = given_by
         WHERE paused IS DISTINCT FROM (verb = 'pause');
        outcome := CASE verb WHEN 'pause' THEN 'paused: nothing more is claimed; what is rendering goes on' ELSE 'resumed' END;
    ELSIF verb = 'flush' THEN
        UPDATE public.actp_gen_jobs SET run_after = now() WHERE status = 'pending' AND run_after > now();
        SELECT count(*) INTO touched FROM public.actp_gen_jobs WHERE status = 'pending' AND approved IS NOT FALSE;
        outcome := format('%s pending jobs are due now', touched);
        IF (SELECT paused FROM reactor.control) THEN
            outcome := outcome || '; the farm is paused, so nothing is claimed until it is resumed';
        END IF;
        PERFORM pg_notify('reactor_events', '{"event":"farm.flushed"}');
    ELSIF verb = 'approve' THEN
        IF was.approved IS NOT FALSE THEN
            outcome := format('job %s is approved already', job);
        ELSIF was.status <> 'pending' THEN
            verdict := 'refused';
            outcome := format('job %s is %s; only a pending job can be approved', job, was.status);
        ELSE
            UPDATE public.actp_gen_jobs SET approved = true WHERE id = job;
            outcome := format('job %s is approved', job);
        END IF;
    ELSIF verb = 'retry' THEN
        IF was.status IS DISTINCT FROM 'failed' THEN
            verdict := 'refused';
            outcome := format('job %s is %s; only a failed job can be retried', job, was.status);
        ELSIF was.retry_count >= was.max_attempts AND NOT coalesce(force, false) THEN
            verdict := 'refused';
            outcome := format('job %s has used its %s attempts; retry it with force to give it as many again', job, was.max_attempts);
        ELSE
            UPDATE public.actp_gen_jobs
               SET status = 'pending', stage = NULL, run_after = now(), progress = 0,
                   retry_count = CASE WHEN force THEN 0 ELSE retry_count END,
                   error_class = NULL, error_message = NULL, completed_at = NULL, render_completed_at = NULL
             WHERE id = job;
            PERFORM reactor.report('job_failed', job::text, false);
            outcome := format('job %s is pending again', job);
        END IF;
    ELSIF verb = 'cancel' THEN
        IF was.status = 'pending' OR (was.status = 'processing' AND was.stage IS DISTINCT FROM 'publishing') THEN
            UPDATE public.actp_gen_jobs
               SET status = 'cancelled', stage = NULL, claim_token = NULL, claimed_by = NULL, lease_expires_at = NULL,
                   completed_at = now(), error_class = 'cancelled', error_message = coalesce(obey.reason, 'cancelled by ' || given_by)
             WHERE id = job;
            UPDATE reactor.attempts SET ended_at = now(), outcome = 'cancelled', will_retry = false
             WHERE job_id = job AND ended_at IS NULL;
            DELETE FROM reactor.progress WHERE job_id = job;
            outcome := format('job %s is cancelled', job);
        ELSE
            verdict := 'refused';
            outcome := CASE was.status
                WHEN 'processing' THEN format('job %s is being published; it is too late to cancel it', job)
                ELSE format('job %s is %s; only a pending or processing job can be cancelled', job, was.status) END;
        END IF;
    ELSE
        RAISE EXCEPTION 'unknown command %', verb USING HINT = 'pause, resume, flush, approve, retry, cancel';
    END IF;
    INSERT INTO reactor.commands (verb, job_id, reason, given_by, outcome)
    VALUES (verb, job, reason, given_by, outcome);
END $$;

CREATE OR REPLACE FUNCTION reactor.pause() RETURNS text LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, reactor, pg_temp AS $$ SELECT outcome FROM reactor.obey('pause', NULL, NULL, session_user, false) $$;
CREATE OR REPLACE FUNCTION reactor.resume() RETURNS text LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, reactor, pg_temp AS $$ SELECT outcome FROM reactor.obey('resume', NULL, NULL, session_user, false) $$;
CREATE OR REPLACE FUNCTION reactor.flush() RETURNS text LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, reactor, pg_temp AS $$ SELECT outcome FROM reactor.obey('flush', NULL, NULL, session_user, false) $$;
CREATE OR REPLACE FUNCTION reactor.approve(job bigint) RETURNS text LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, reactor, pg_temp AS $$ SELECT outcome FROM reactor.obey('approve', job, NULL, session_user, false) $$;
CREATE OR REPLACE FUNCTION reactor.retry(job bigint, force boolean DEFAULT false) RETURNS text LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, reactor, pg_temp AS $$ SELECT outcome FROM reactor.obey('retry', job, NULL, session_user, force) $$;
CREATE OR REPLACE FUNCTION reactor.cancel(job bigint, reason text DEFAULT NULL) RETURNS text LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, reactor, pg_temp AS $$ SELECT outcome FROM reactor.obey('cancel', job, reason, session_user, false) $$;

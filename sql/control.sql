-- Control from psql: these functions are the authority. Re-applied after every migrate.
-- `reactor.obey` does the deed and writes the audit row; the short functions say who asked.
-- They run as their owner, so an operator needs no right on any table.

CREATE OR REPLACE FUNCTION reactor.obey(verb text, job bigint, reason text, given_by text) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, reactor, pg_temp AS $$
DECLARE
    outcome text;
    touched bigint;
    was record;
BEGIN
    IF verb IN ('retry', 'cancel') THEN
        SELECT status, stage INTO was FROM public.actp_gen_jobs WHERE id = job FOR UPDATE;
        IF NOT FOUND THEN
            outcome := format('there is no job %s', job);
        END IF;
    END IF;
    IF outcome IS NOT NULL THEN
        NULL;
    ELSIF verb IN ('pause', 'resume') THEN
        UPDATE reactor.control SET paused = (verb = 'pause'), changed_at = now(), changed_by = given_by
         WHERE paused IS DISTINCT FROM (verb = 'pause');
        outcome := CASE verb WHEN 'pause' THEN 'paused: nothing more is claimed; what is rendering goes on' ELSE 'resumed' END;
    ELSIF verb = 'flush' THEN
        UPDATE public.actp_gen_jobs SET run_after = now() WHERE status = 'pending' AND run_after > now();
        SELECT count(*) INTO touched FROM public.actp_gen_jobs WHERE status = 'pending' AND approved;
        outcome := format('%s pending jobs are due now', touched);
        PERFORM pg_notify('reactor_events', '{"event":"farm.flushed"}');
    ELSIF verb = 'retry' THEN
        IF was.status = 'failed' THEN
            UPDATE public.actp_gen_jobs
               SET status = 'pending', stage = NULL, run_after = now(), retry_count = 0, progress = 0,
                   error_class = NULL, error_message = NULL, completed_at = NULL
             WHERE id = job;
            UPDATE reactor.alerts SET resolved_at = now()
             WHERE kind = 'job_failed' AND subject = job::text AND resolved_at IS NULL;
            outcome := format('job %s is pending again', job);
        ELSE
            outcome := format('job %s is %s; only a failed job can be retried', job, was.status);
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
        ELSIF was.status = 'processing' THEN
            outcome := format('job %s is being published; it is too late to cancel it', job);
        ELSE
            outcome := format('job %s is %s; only a pending or processing job can be cancelled', job, was.status);
        END IF;
    ELSE
        RAISE EXCEPTION 'unknown command %', verb USING HINT = 'pause, resume, flush, retry, cancel';
    END IF;
    INSERT INTO reactor.commands (verb, job_id, reason, given_by, outcome)
    VALUES (verb, job, reason, given_by, outcome);
    RETURN outcome;
END $$;

CREATE OR REPLACE FUNCTION reactor.pause() RETURNS text LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, reactor, pg_temp AS $$ SELECT reactor.obey('pause', NULL, NULL, session_user) $$;
CREATE OR REPLACE FUNCTION reactor.resume() RETURNS text LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, reactor, pg_temp AS $$ SELECT reactor.obey('resume', NULL, NULL, session_user) $$;
CREATE OR REPLACE FUNCTION reactor.flush() RETURNS text LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, reactor, pg_temp AS $$ SELECT reactor.obey('flush', NULL, NULL, session_user) $$;
CREATE OR REPLACE FUNCTION reactor.retry(job bigint) RETURNS text LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, reactor, pg_temp AS $$ SELECT reactor.obey('retry', job, NULL, session_user) $$;
CREATE OR REPLACE FUNCTION reactor.cancel(job bigint, reason text DEFAULT NULL) RETURNS text LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, reactor, pg_temp AS $$ SELECT reactor.obey('cancel', job, reason, session_user) $$;

-- Functions are executable by everybody until told otherwise.
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA reactor FROM PUBLIC;

DO $$
DECLARE
    -- A table that was there before may number its rows by a sequence of its own.
    numbering text := pg_get_serial_sequence('public.actp_gen_jobs', 'id');
BEGIN
    IF to_regrole('reactor_operator') IS NOT NULL THEN
        GRANT USAGE ON SCHEMA reactor TO reactor_operator;
        GRANT EXECUTE ON FUNCTION reactor.pause(), reactor.resume(), reactor.flush(),
            reactor.retry(bigint), reactor.cancel(bigint, text) TO reactor_operator;
        GRANT SELECT ON public.actp_gen_jobs, reactor.commands, reactor.alerts, reactor.attempts, reactor.orphans
            TO reactor_operator;
    END IF;
    IF to_regrole('reactor_producer') IS NOT NULL THEN
        GRANT INSERT ON public.actp_gen_jobs TO reactor_producer;
        IF numbering IS NOT NULL THEN
            EXECUTE format('GRANT USAGE ON SEQUENCE %s TO reactor_producer', numbering);
        END IF;
    END IF;
    IF to_regrole('reactor_daemon') IS NOT NULL THEN
        GRANT USAGE ON SCHEMA reactor TO reactor_daemon;
        GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA reactor TO reactor_daemon;
        GRANT SELECT, INSERT, UPDATE, DELETE ON public.actp_gen_jobs, public.actp_agent_registry TO reactor_daemon;
        GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA reactor TO reactor_daemon;
        IF numbering IS NOT NULL THEN
            EXECUTE format('GRANT USAGE ON SEQUENCE %s TO reactor_daemon', numbering);
        END IF;
    END IF;
END $$;

-- Least privilege: who may call and read what. Re-applied after every migrate, after everything it speaks of.

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
            reactor.approve(bigint), reactor.retry(bigint, boolean), reactor.cancel(bigint, text), reactor.why(bigint) TO reactor_operator;
        GRANT SELECT ON public.actp_gen_jobs, reactor.commands, reactor.alerts, reactor.attempts, reactor.orphans, reactor.events, reactor.job_records
            TO reactor_operator;
        -- What people fill in by hand.
        GRANT SELECT, INSERT, UPDATE, DELETE ON reactor.sessions, reactor.edls, reactor.assets, reactor.projects,
            reactor.niches, reactor.platforms, reactor.templates TO reactor_operator;
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

-- Least privilege: who may call and read what. Re-applied after every migrate, after everything it speaks of.

-- Functions are executable by everybody until told otherwise.
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA reactor FROM PUBLIC;

DO $$
DECLARE
    -- A table that was there before may number its rows by a sequence of its own.
    numbering text := pg_get_serial_sequence('public.actp_gen_jobs', 'id');
    publisher text;
BEGIN
    IF to_regrole('reactor_operator') IS NOT NULL THEN
        GRANT USAGE ON SCHEMA reactor TO reactor_operator;
        GRANT EXECUTE ON FUNCTION reactor.pause(), reactor.resume(), reactor.flush(),
            reactor.approve(bigint), reactor.retry(bigint, boolean), reactor.cancel(bigint, text), reactor.why(bigint),
            reactor.fill(integer), reactor.create_job(text, text, text), reactor.prioritize(), reactor.flush_stale(double precision),
            reactor.count_pending(integer) TO reactor_operator;
        GRANT SELECT ON public.actp_gen_jobs, reactor.commands, reactor.alerts, reactor.attempts, reactor.orphans, reactor.events, reactor.job_records,
            reactor.agents, reactor.open_alerts TO reactor_operator;
        GRANT EXECUTE ON FUNCTION reactor.stats(), reactor.get_job_stats(), reactor.count_renders_today(), reactor.count_by_platform(date),
            reactor.count_by_day(date, date), reactor.get_daily_velocity(), reactor.is_on_pace(integer), reactor.pace_at(timestamptz),
            reactor.platform_pace_at(timestamptz), reactor.time_zone(), reactor.today(), reactor.day_begins(date) TO reactor_operator;
        GRANT SELECT ON reactor.pace, reactor.platform_pace, reactor.renders_by_day, reactor.renders_by_day_and_platform TO reactor_operator;
        -- What people fill in by hand.
        GRANT SELECT, INSERT, UPDATE, DELETE ON reactor.sessions, reactor.edls, reactor.assets, reactor.projects,
            reactor.niches, reactor.platforms, reactor.templates TO reactor_operator;
    END IF;
    FOREACH publisher IN ARRAY ARRAY['reactor_publisher', 'reactor_operator'] LOOP
        IF to_regrole(publisher) IS NOT NULL THEN
            EXECUTE format('GRANT USAGE ON SCHEMA reactor TO %I', publisher);
            EXECUTE format('GRANT EXECUTE ON FUNCTION reactor.take_publications(text, integer, text, double precision),
                reactor.renew_publication(bigint, uuid, double precision), reactor.mark_published(bigint, uuid, text),
                reactor.mark_publish_failed(bigint, text, uuid, double precision, boolean),
                reactor.release_publication(bigint, uuid), reactor.republish(bigint) TO %I', publisher);
            EXECUTE format('GRANT SELECT, UPDATE (status, priority, publish_after, max_tries, lease_expires_at, published_url, error_message)
                ON reactor.mplite_queue TO %I', publisher);
        END IF;
    END LOOP;
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

-- How many jobs there are in each state, quickly also when a million have ended. Re-applied after every migrate: create
-- or replace only. Ended jobs never change their state, so those that ended before `up_to` are counted once and remembered
-- in reactor.tallies; only younger ones are counted again, by index. Whatever could make the tally wrong (ended jobs that
-- are inserted, removed or dated back) drops it in the same transaction: then all are counted, until the next recount.
--
-- The rule that makes this safe whatever runs at the same time: a change speaks of a job that ended less than an hour before
-- the change, or it drops the tally; and the tally stays an hour behind the oldest transaction that has written to the table.

INSERT INTO reactor.tallies (status, up_to, jobs) VALUES ('complete', '-infinity', 0), ('cancelled', '-infinity', 0)
ON CONFLICT DO NOTHING;

-- The row stays and says that nothing is counted, and it is written also when it says so already: so whoever drops meets
-- whoever recounts meanwhile, in every isolation level. Once in a transaction is enough: a million rows that are dated in
-- one statement ask for it a million times.
CREATE OR REPLACE FUNCTION reactor.drop_tallies() RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, reactor, pg_temp AS $$
    UPDATE reactor.tallies SET up_to = '-infinity', jobs = 0
     WHERE up_to > '-infinity' OR xmin <> pg_current_xact_id()::xid
$$;

-- Count what ended long enough ago; false when that is not possible just now, and then the next time will do.
CREATE OR REPLACE FUNCTION reactor.recount() RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, reactor, pg_temp AS $$
DECLARE
    locked bigint;
    unknown boolean;
    oldest timestamptz;
BEGIN
    -- Each statement below has to see what was committed before it.
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RETURN false;
    END IF;
    SELECT count(*) INTO locked FROM (SELECT FROM reactor.tallies FOR UPDATE SKIP LOCKED) AS mine;
    IF locked < 2 THEN
        RETURN false;
    END IF;
    -- Who has written to the table and not committed yet. A prepared transaction has no session, and sessions of other
    -- roles may hide since when theirs is open. One that is idle, or gone, has ended since the lock was seen.
    SELECT bool_or(writer.pid IS NULL OR session.pid IS NOT NULL AND session.xact_start IS NULL AND session.state IS DISTINCT FROM 'idle'),
           min(session.xact_start)
      INTO unknown, oldest
      FROM pg_locks AS writer LEFT JOIN pg_stat_activity AS session ON session.pid = writer.pid
     WHERE writer.relation = 'public.actp_gen_jobs'::regclass
       AND writer.database = (SELECT oid FROM pg_database WHERE datname = current_database())
       AND writer.mode IN ('RowExclusiveLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')
       AND writer.pid IS DISTINCT FROM pg_backend_pid();
    IF unknown THEN
        RETURN false;
    END IF;
    oldest := least(now(), oldest) - interval '1 hour';
    UPDATE reactor.tallies SET up_to = oldest,
           jobs = (SELECT count(*) FROM public.actp_gen_jobs AS job WHERE job.status = 'complete' AND completed_at < oldest)
     WHERE status = 'complete';
    UPDATE reactor.tallies SET up_to = oldest,
           jobs = (SELECT count(*) FROM public.actp_gen_jobs AS job WHERE job.status = 'cancelled' AND completed_at < oldest)
     WHERE status = 'cancelled';
    RETURN true;
END $$;

CREATE OR REPLACE FUNCTION reactor.on_job_delete() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, reactor, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM old_rows WHERE status IN ('complete', 'cancelled') AND completed_at < clock_timestamp() - interval '1 hour') THEN
        PERFORM reactor.drop_tallies();
    END IF;
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION reactor.on_jobs_counted_wrong() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, reactor, pg_temp AS $$
BEGIN
    PERFORM reactor.drop_tallies();
    RETURN NULL;
END $$;

-- What is inserted is looked at in reactor.on_job_insert, which looks at new rows anyway.
CREATE OR REPLACE TRIGGER reactor_job_delete AFTER DELETE ON public.actp_gen_jobs
    REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION reactor.on_job_delete();
CREATE OR REPLACE TRIGGER reactor_job_truncate AFTER TRUNCATE ON public.actp_gen_jobs
    FOR EACH STATEMENT EXECUTE FUNCTION reactor.on_jobs_counted_wrong();
-- Dated back, by hand; a job that ends now passes the condition and fires nothing.
CREATE OR REPLACE TRIGGER reactor_job_dated AFTER UPDATE OF status, completed_at ON public.actp_gen_jobs
    FOR EACH ROW WHEN (NEW.status IN ('complete', 'cancelled')
        AND least(NEW.completed_at, CASE WHEN OLD.status = NEW.status THEN OLD.completed_at END) < clock_timestamp() - interval '1 hour'
        AND (NEW.completed_at IS DISTINCT FROM OLD.completed_at OR NEW.status IS DISTINCT FROM OLD.status))
    EXECUTE FUNCTION reactor.on_jobs_counted_wrong();

-- One row: jobs by state, those completed today, and how long the longest-waiting due one has waited. Both ends of each
-- range are given, so that the planner knows it for a small one and takes the index.
CREATE OR REPLACE FUNCTION reactor.get_job_stats() RETURNS TABLE (
    total bigint, pending bigint, processing bigint, complete bigint, failed bigint, cancelled bigint,
    complete_today bigint, oldest_due_s double precision
) LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, reactor, pg_temp AS $$
    SELECT counted.pending + counted.processing + counted.complete + counted.failed + counted.cancelled, counted.*
      FROM (SELECT
        (SELECT count(*) FROM public.actp_gen_jobs WHERE status = 'pending') AS pending,
        (SELECT count(*) FROM public.actp_gen_jobs WHERE status = 'processing') AS processing,
        coalesce((SELECT jobs FROM reactor.tallies WHERE status = 'complete'), 0)
            + (SELECT count(*) FROM public.actp_gen_jobs AS job WHERE job.status = 'complete' AND completed_at <= 'infinity'
                  AND completed_at >= coalesce((SELECT up_to FROM reactor.tallies WHERE status = 'complete'), '-infinity'))
            + (SELECT count(*) FROM public.actp_gen_jobs WHERE status = 'complete' AND completed_at IS NULL) AS complete,
        (SELECT count(*) FROM public.actp_gen_jobs WHERE status = 'failed') AS failed,
        coalesce((SELECT jobs FROM reactor.tallies WHERE status = 'cancelled'), 0)
            + (SELECT count(*) FROM public.actp_gen_jobs AS job WHERE job.status = 'cancelled' AND completed_at <= 'infinity'
                  AND completed_at >= coalesce((SELECT up_to FROM reactor.tallies WHERE status = 'cancelled'), '-infinity'))
            + (SELECT count(*) FROM public.actp_gen_jobs WHERE status = 'cancelled' AND completed_at IS NULL) AS cancelled,
        reactor.count_renders_today() AS complete_today,
        (SELECT extract(epoch FROM clock_timestamp() - min(run_after))::float8
           FROM public.actp_gen_jobs WHERE status = 'pending' AND approved AND run_after <= now()) AS oldest_due_s) AS counted
$$;

CREATE OR REPLACE FUNCTION reactor.stats() RETURNS TABLE (
    total bigint, pending bigint, processing bigint, complete bigint, failed bigint, cancelled bigint,
    complete_today bigint, oldest_due_s double precision
) LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, reactor, pg_temp AS $$ SELECT * FROM reactor.get_job_stats() $$;

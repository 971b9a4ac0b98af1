-- Why a job does not run now, on one page. Re-applied after every migrate: create or replace only.

-- How many due jobs of the same renderer come before it by priority and id, as far as they can be counted quickly:
-- the first 10,000. Walks the index of turns, project by project; where projects wait, turns decide between them.
CREATE OR REPLACE FUNCTION reactor.jobs_before(wanted text, its_priority integer, its_id bigint) RETURNS integer
LANGUAGE sql STABLE SET search_path = pg_catalog, reactor, pg_temp AS $$
    WITH before AS (
        SELECT due.approved IS NOT FALSE AND (due.run_after <= now() OR due.run_after IS NULL) AS is_due
          FROM reactor.waiting_projects(wanted) AS project
         CROSS JOIN LATERAL (
            SELECT approved, run_after FROM public.actp_gen_jobs
             WHERE status = 'pending' AND renderer = wanted AND coalesce(project_id, '') = project AND priority > its_priority
            UNION ALL
            SELECT approved, run_after FROM public.actp_gen_jobs
             WHERE status = 'pending' AND renderer = wanted AND coalesce(project_id, '') = project
               AND priority = its_priority AND id < its_id
         ) AS due
         LIMIT 10000
    )
    SELECT count(*) FILTER (WHERE is_due)::integer FROM before
$$;

-- Why the job does not run now, as a sentence for people; for a pending job also how many due ones come before it.
-- `held` says that it waits for somebody, not for a time or a slot. `usual_most` is how many of a project's jobs may
-- render at once unless its row says otherwise.
CREATE OR REPLACE FUNCTION reactor.explain_wait(
    job bigint, usual_most integer, OUT before integer, OUT held boolean, OUT reason text
)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, reactor, pg_temp AS $$
DECLARE
    it record;
    most integer;
BEGIN
    SELECT id, status, stage, renderer, project_id, priority, approved, run_after, error_class INTO it
      FROM public.actp_gen_jobs WHERE id = job;
    IF NOT FOUND THEN
        reason := format('there is no job %s', job);
        RETURN;
    ELSIF it.status <> 'pending' THEN
        reason := format('job %s does not wait: it is %s', job, coalesce(it.stage, it.status));
        RETURN;
    END IF;
    before := reactor.jobs_before(it.renderer, it.priority, it.id);
    most := coalesce((SELECT max_rendering FROM reactor.projects WHERE project_id = it.project_id), usual_most);
    held := true;
    IF it.approved IS FALSE THEN
        reason := 'it is not approved';
    ELSIF (SELECT paused FROM reactor.control) THEN
        reason := 'the farm is paused';
    ELSIF NOT EXISTS (SELECT FROM reactor.living('reactor')) THEN
        reason := 'no reactor is running';
    ELSIF NOT EXISTS (SELECT FROM reactor.living('reactor') AS can WHERE can -> 'renderers' ? it.renderer) THEN
        reason := format('no reactor has the renderer %s', it.renderer);
    ELSIF it.renderer = 'server' AND NOT EXISTS (SELECT FROM reactor.living('renderer')) THEN
        reason := 'no render server is running';
    ELSE
        held := false;
        reason := CASE
            WHEN it.run_after > now() THEN
                format('not before %s', to_char(it.run_after AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS "UTC"'))
                || coalesce(format(' (the wait after %s)', it.error_class), '')
            WHEN it.project_id IS NOT NULL AND most <= (
                SELECT count(*) FROM public.actp_gen_jobs WHERE status = 'processing' AND project_id = it.project_id) THEN
                format('project %s has its most rendering (%s)', it.project_id, most)
            WHEN before = 0 THEN 'it waits for a slot and is next'
            WHEN before = 1 THEN 'it waits for a slot behind one job'
            ELSE format('it waits for a slot behind %s jobs', before)
        END;
    END IF;
END $$;

-- What the reactors or renderers that have been heard of lately can do.
CREATE OR REPLACE FUNCTION reactor.living(wanted text) RETURNS SETOF jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, reactor, pg_temp AS $$
    SELECT coalesce(capabilities, '{}') FROM public.actp_agent_registry
     WHERE kind = wanted AND status = 'running' AND heartbeat_at > now() - interval '1 minute'
$$;

-- How many renders of this renderer can run at once, as far as the living say; at least one.
CREATE OR REPLACE FUNCTION reactor.known_slots(wanted text) RETURNS integer
LANGUAGE sql STABLE SET search_path = pg_catalog, reactor, pg_temp AS $$
    SELECT least(10000, greatest(1, coalesce(sum(CASE WHEN jsonb_typeof(said) = 'number' THEN said::text::numeric END), 1)))::integer
      FROM (SELECT can -> 'capacity' AS said FROM reactor.living('renderer') AS can WHERE wanted = 'server'
            UNION ALL
            SELECT can -> 'slots' -> wanted FROM reactor.living('reactor') AS can WHERE wanted <> 'server') AS told
$$;

CREATE OR REPLACE FUNCTION reactor.why(job bigint) RETURNS text LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, reactor, pg_temp AS $$ SELECT reason FROM reactor.explain_wait(job, NULL) $$;

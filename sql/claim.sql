-- Who is rendered next, on one page. Re-applied after every migrate: create or replace only.
-- Priority decides first. Among jobs of the same priority the projects take turns: the one with the fewest
-- renders running comes first, and among equals the one that was served longest ago. Jobs without a project
-- are one project more. A farm without projects never gets that far: it goes by priority and id.

-- The most urgent due jobs of one renderer, locked, when no project waits for it. Its index has '' for no
-- project, because an index is not read in order behind a column that IS NULL.
CREATE OR REPLACE FUNCTION reactor.next_by_priority(wanted text, slots integer) RETURNS bigint[]
LANGUAGE sql SET search_path = pg_catalog, reactor, pg_temp AS $$
    SELECT array_agg(due.id::bigint)
      FROM (SELECT id
              FROM public.actp_gen_jobs
             WHERE status = 'pending' AND renderer = wanted AND coalesce(project_id, '') = '' AND approved IS NOT FALSE
               AND (run_after <= now() OR run_after IS NULL)
             ORDER BY priority DESC, id
             LIMIT slots
               FOR UPDATE SKIP LOCKED) AS due
$$;

-- The projects with pending jobs for a renderer, '' for those without one: found by jumping through the index.
CREATE OR REPLACE FUNCTION reactor.waiting_projects(wanted text) RETURNS SETOF text
LANGUAGE sql STABLE ROWS 10 SET search_path = pg_catalog, reactor, pg_temp AS $$
    WITH RECURSIVE waiting AS (
        (SELECT coalesce(project_id, '') AS project FROM public.actp_gen_jobs
          WHERE status = 'pending' AND renderer = wanted ORDER BY coalesce(project_id, '') LIMIT 1)
        UNION ALL
        SELECT (SELECT coalesce(job.project_id, '') FROM public.actp_gen_jobs AS job
                 WHERE job.status = 'pending' AND job.renderer = wanted AND coalesce(job.project_id, '') > waiting.project
                 ORDER BY coalesce(job.project_id, '') LIMIT 1)
          FROM waiting WHERE waiting.project IS NOT NULL
    )
    SELECT project FROM waiting WHERE project IS NOT NULL
$$;

-- The due jobs of one renderer in the order of their turns; more than there are slots, because other
-- reactors may hold some of them.
CREATE OR REPLACE FUNCTION reactor.turns(wanted text, slots integer, usual_most integer) RETURNS bigint[]
LANGUAGE sql STABLE SET search_path = pg_catalog, reactor, pg_temp AS $$
    WITH waiting AS (
        SELECT project FROM reactor.waiting_projects(wanted) AS project
    ), running AS (
        SELECT coalesce(project_id, '') AS project, count(*) AS jobs
          FROM public.actp_gen_jobs WHERE status = 'processing' GROUP BY coalesce(project_id, '')
    ), share AS (
        SELECT waiting.project, known.served_at, coalesce(running.jobs, 0) AS running,
               CASE WHEN waiting.project <> '' THEN coalesce(known.max_rendering, usual_most) END AS most
          FROM waiting
          LEFT JOIN running USING (project)
          LEFT JOIN reactor.projects AS known ON known.project_id = waiting.project
    ), candidate AS (
        SELECT due.id, due.priority, share.served_at,
               share.running + row_number() OVER (PARTITION BY share.project ORDER BY due.priority DESC, due.id) AS turn
          FROM share
         CROSS JOIN LATERAL (
            SELECT job.id, job.priority
              FROM public.actp_gen_jobs AS job
             WHERE job.status = 'pending' AND job.renderer = wanted AND coalesce(job.project_id, '') = share.project
               AND job.approved IS NOT FALSE AND (job.run_after <= now() OR job.run_after IS NULL)
             ORDER BY job.priority DESC, job.id
             LIMIT greatest(0, least(slots, share.most - share.running))
         ) AS due
         ORDER BY due.priority DESC, turn, share.served_at NULLS FIRST, due.id
         LIMIT 4 * slots + 16
    )
    SELECT array_agg(id::bigint ORDER BY priority DESC, turn, served_at NULLS FIRST, id) FROM candidate
$$;

-- The jobs whose turn it is, locked; and the projects remember it. Another reactor may be at the same
-- candidates: then they are its jobs, and we look again at what is left.
CREATE OR REPLACE FUNCTION reactor.next_in_turn(wanted text, slots integer, usual_most integer) RETURNS bigint[]
LANGUAGE plpgsql SET search_path = pg_catalog, reactor, pg_temp AS $$
DECLARE
    candidates bigint[];
    taken bigint[];
BEGIN
    FOR _ IN 1 .. 5 LOOP
        candidates := reactor.turns(wanted, slots, usual_most);
        EXIT WHEN candidates IS NULL;
        SELECT array_agg(locked.id::bigint) INTO taken
          FROM (SELECT job.id
                  FROM unnest(candidates) WITH ORDINALITY AS c (id, place) JOIN public.actp_gen_jobs AS job ON job.id = c.id
                 WHERE job.status = 'pending'
                 ORDER BY c.place
                 LIMIT slots
                   FOR UPDATE OF job SKIP LOCKED) AS locked;
        EXIT WHEN taken IS NOT NULL;
    END LOOP;
    -- In one order, so that two claims cannot wait for one another.
    INSERT INTO reactor.projects AS project (project_id, served_at)
    SELECT served.project_id, clock_timestamp()
      FROM (SELECT DISTINCT coalesce(job.project_id, '') AS project_id
              FROM public.actp_gen_jobs AS job WHERE job.id = ANY (taken)) AS served
     ORDER BY served.project_id
    ON CONFLICT (project_id) DO UPDATE SET served_at = excluded.served_at;
    RETURN taken;
END $$;

-- Take as many due jobs as there are slots, per renderer. A lost claim is only claimed again, so it does
-- not wait for the disk; the setting lasts for this statement's transaction.
CREATE OR REPLACE FUNCTION reactor.claim_next_jobs(
    renderers text[], slots integer[], reactor_id uuid, token uuid, lease_s double precision, usual_most integer
) RETURNS TABLE (job_id bigint, job_renderer text)
LANGUAGE plpgsql SET search_path = pg_catalog, reactor, pg_temp AS $$
DECLARE
    taken bigint[] := '{}';
BEGIN
    IF (SELECT control.paused FROM reactor.control) THEN
        RETURN;
    END IF;
    PERFORM set_config('synchronous_commit', 'off', true);
    FOR n IN 1 .. coalesce(cardinality(renderers), 0) LOOP
        -- Whether any project waits, by one look at the end of the index.
        IF (SELECT coalesce(job.project_id, '') FROM public.actp_gen_jobs AS job
             WHERE job.status = 'pending' AND job.renderer = renderers[n]
             ORDER BY coalesce(job.project_id, '') DESC LIMIT 1) > '' THEN
            taken := taken || reactor.next_in_turn(renderers[n], slots[n], usual_most);
        ELSE
            taken := taken || reactor.next_by_priority(renderers[n], slots[n]);
        END IF;
    END LOOP;
    RETURN QUERY
    UPDATE public.actp_gen_jobs AS job
       SET status = 'processing', stage = 'claimed', progress = 10, attempt = coalesce(job.attempt, 0) + 1,
           retry_count = coalesce(job.retry_count, 0), max_attempts = coalesce(job.max_attempts, 3),
           claimed_by = claim_next_jobs.reactor_id, claim_token = claim_next_jobs.token,
           lease_expires_at = clock_timestamp() + make_interval(secs => claim_next_jobs.lease_s),
           error_class = NULL, error_message = NULL
     WHERE job.id = ANY (taken)
    RETURNING job.id::bigint, job.renderer;
END $$;

-- What people and programs ask of jobs beyond a row: a key that makes asking twice harmless, a time limit,
-- projects with a share and a limit, what each attempt can show, and a log of events with a cursor.

ALTER TABLE public.actp_gen_jobs
    ADD COLUMN IF NOT EXISTS timeout_s double precision,
    ADD COLUMN IF NOT EXISTS cache boolean NOT NULL DEFAULT true,
    ADD COLUMN IF NOT EXISTS cache_key text,
    ADD COLUMN IF NOT EXISTS cached_from bigint;

DO $$
DECLARE
    twice text;
BEGIN
    SELECT format('%L (jobs %s)', idempotency_key, string_agg(id::text, ', ' ORDER BY id)) INTO twice
      FROM public.actp_gen_jobs WHERE idempotency_key IS NOT NULL
     GROUP BY idempotency_key HAVING count(*) > 1 LIMIT 1;
    IF twice IS NOT NULL THEN
        RAISE EXCEPTION 'public.actp_gen_jobs has the idempotency_key % more than once, and it must name one job', twice
            USING ERRCODE = 'unique_violation',
                  HINT = 'Set idempotency_key to NULL in all but one of those rows, then migrate again.';
    END IF;
END $$;

CREATE UNIQUE INDEX IF NOT EXISTS actp_gen_jobs_idempotency_key
    ON public.actp_gen_jobs (idempotency_key) WHERE idempotency_key IS NOT NULL;
-- What is claimed next, within each project and among jobs without one; in place of the index by priority alone.
CREATE INDEX IF NOT EXISTS actp_gen_jobs_turns
    ON public.actp_gen_jobs (renderer, coalesce(project_id, ''), priority DESC, id) WHERE status = 'pending';
DROP INDEX IF EXISTS public.actp_gen_jobs_claim;
-- How much of each project is in work, and how much waits.
CREATE INDEX IF NOT EXISTS actp_gen_jobs_active
    ON public.actp_gen_jobs (status, project_id) WHERE project_id IS NOT NULL AND status IN ('pending', 'processing');
CREATE INDEX IF NOT EXISTS actp_gen_jobs_project
    ON public.actp_gen_jobs (project_id, id) WHERE project_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS actp_gen_jobs_session
    ON public.actp_gen_jobs (session_id, id) WHERE session_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS actp_gen_jobs_batch
    ON public.actp_gen_jobs (batch_id, id) WHERE batch_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS actp_gen_jobs_cache
    ON public.actp_gen_jobs (cache_key) WHERE cache_key IS NOT NULL AND status = 'complete';

-- A project needs no row; one says otherwise than the settings, and remembers when its turn was.
CREATE TABLE reactor.projects (
    project_id text PRIMARY KEY,
    max_active integer CHECK (max_active >= 0),
    max_rendering integer CHECK (max_rendering >= 0),
    served_at timestamptz
) WITH (fillfactor = 50);

ALTER TABLE reactor.attempts
    ADD COLUMN rendered_at timestamptz,
    ADD COLUMN error_frame integer,
    ADD COLUMN log_tail text,
    ADD COLUMN cached_from bigint;

-- How long such a render takes, for the estimates: one row per kind, brought up to date by each render.
CREATE TABLE reactor.render_times (
    renderer text NOT NULL,
    template_id text NOT NULL,
    format text NOT NULL,
    quality text NOT NULL,
    renders bigint NOT NULL,
    mean_s double precision NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (renderer, template_id, format, quality)
) WITH (fillfactor = 50);

-- What was announced, in an order that has no gaps: ids are given before the commit, so a reader goes by the
-- transaction and only as far as all transactions before it have ended. One row per statement, like the NOTIFY.
CREATE TABLE reactor.events (
    xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
    id bigint GENERATED ALWAYS AS IDENTITY,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    event text NOT NULL,
    job_ids bigint[] NOT NULL,
    PRIMARY KEY (xid, id)
);

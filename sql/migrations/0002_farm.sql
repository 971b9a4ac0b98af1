-- What the farm remembers besides the jobs: attempts, progress, where files were meant to go, alerts,
-- commands, and whether it is paused.

CREATE TABLE reactor.control (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    paused boolean NOT NULL DEFAULT false,
    changed_at timestamptz NOT NULL DEFAULT now(),
    changed_by text NOT NULL DEFAULT session_user
);
INSERT INTO reactor.control DEFAULT VALUES;

CREATE TABLE reactor.attempts (
    job_id bigint NOT NULL,
    attempt integer NOT NULL,
    renderer text NOT NULL,
    renderer_version text,
    reactor_id uuid,
    frames integer,
    started_at timestamptz NOT NULL DEFAULT now(),
    ended_at timestamptz,
    outcome text CHECK (outcome IN ('complete', 'failed', 'released', 'cancelled', 'lost')),
    error_class text,
    error_message text,
    will_retry boolean,
    PRIMARY KEY (job_id, attempt)
);

-- Narrow and updated in place (HOT), so that progress wakes no trigger and bloats no job row.
CREATE TABLE reactor.progress (
    job_id bigint PRIMARY KEY,
    attempt integer NOT NULL,
    fraction real NOT NULL,
    rendered_frames integer,
    total_frames integer,
    eta_s real,
    updated_at timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 50);

-- Written and committed before a file is moved: after a crash it says where the file was meant to go
-- and how to recognise it, so that nothing is rendered twice. The key keeps two jobs off one name.
CREATE TABLE reactor.publications (
    path text PRIMARY KEY,
    job_id bigint NOT NULL,
    sha256 text NOT NULL,
    size_bytes bigint NOT NULL,
    thumbnail_path text,
    duration_s double precision,
    width integer NOT NULL,
    height integer NOT NULL,
    fps double precision,
    intended_at timestamptz NOT NULL DEFAULT now(),
    published_at timestamptz
);
CREATE INDEX publications_job ON reactor.publications (job_id);

-- Files in the render directory that belong to no job.
CREATE TABLE reactor.orphans (
    path text PRIMARY KEY,
    size_bytes bigint NOT NULL,
    modified_at timestamptz NOT NULL,
    reason text NOT NULL,
    seen_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE reactor.alerts (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind text NOT NULL,
    subject text NOT NULL,
    message text NOT NULL,
    raised_at timestamptz NOT NULL DEFAULT now(),
    resolved_at timestamptz
);
-- The same trouble is one open alert, whichever reactor saw it first.
CREATE UNIQUE INDEX alerts_open ON reactor.alerts (kind, subject) WHERE resolved_at IS NULL;

CREATE TABLE reactor.commands (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    verb text NOT NULL,
    job_id bigint,
    reason text,
    given_by text NOT NULL,
    given_at timestamptz NOT NULL DEFAULT now(),
    outcome text NOT NULL
);

CREATE TABLE IF NOT EXISTS public.actp_agent_registry (
    agent_id uuid PRIMARY KEY DEFAULT gen_random_uuid()
);
ALTER TABLE public.actp_agent_registry
    ADD COLUMN IF NOT EXISTS agent_id uuid DEFAULT gen_random_uuid(),
    ADD COLUMN IF NOT EXISTS name text,
    ADD COLUMN IF NOT EXISTS kind text,
    ADD COLUMN IF NOT EXISTS status text,
    ADD COLUMN IF NOT EXISTS pid integer,
    ADD COLUMN IF NOT EXISTS host text,
    ADD COLUMN IF NOT EXISTS version text,
    ADD COLUMN IF NOT EXISTS url text,
    ADD COLUMN IF NOT EXISTS capabilities jsonb,
    ADD COLUMN IF NOT EXISTS started_at timestamptz,
    ADD COLUMN IF NOT EXISTS heartbeat_at timestamptz;
CREATE UNIQUE INDEX IF NOT EXISTS actp_agent_registry_agent_id ON public.actp_agent_registry (agent_id);

-- Recording sessions: which material there is, and the list of cuts that a video is made of.

CREATE TABLE reactor.sessions (
    session_id text PRIMARY KEY,
    title text,
    project_id text,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE reactor.edls (
    edl_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    session_id text NOT NULL UNIQUE REFERENCES reactor.sessions ON DELETE CASCADE,
    status text NOT NULL DEFAULT 'draft' CHECK (status IN ('draft', 'locked')),
    cuts jsonb NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(cuts) = 'array'),
    created_at timestamptz NOT NULL DEFAULT now(),
    locked_at timestamptz
);

CREATE TABLE reactor.assets (
    session_id text NOT NULL REFERENCES reactor.sessions ON DELETE CASCADE,
    asset_id text NOT NULL,
    mezzanine_url text,
    duration_s double precision CHECK (duration_s > 0 AND duration_s < 'infinity'),
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (session_id, asset_id)
);

-- Batches: audio files by template by formats, asked for at once. Their jobs say the rest.

CREATE TABLE reactor.batches (
    batch_id text PRIMARY KEY,
    idempotency_key text UNIQUE,
    template_id text NOT NULL,
    formats text[] NOT NULL,
    project_id text,
    jobs integer NOT NULL,
    -- What the same key must ask for again; json and not jsonb, because numbers must stay as they were written.
    asked json NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

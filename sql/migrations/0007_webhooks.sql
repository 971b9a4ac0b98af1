-- What leaves the database: who is told of which events, and each message until it has arrived.

CREATE TABLE reactor.webhooks (
    webhook_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    url text NOT NULL,
    secret text NOT NULL,
    project_id text,
    events text[] NOT NULL DEFAULT '{job.complete,job.failed,job.cancelled}',
    enabled boolean NOT NULL DEFAULT true,
    disabled_reason text,
    created_at timestamptz NOT NULL DEFAULT now()
);

-- Written in the transaction of the change it speaks of. The body is kept as text, so that every try sends
-- the same bytes under the same message id.
CREATE TABLE reactor.outbox (
    outbox_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    message_id text NOT NULL DEFAULT 'msg_' || replace(gen_random_uuid()::text, '-', ''),
    webhook_id bigint NOT NULL REFERENCES reactor.webhooks ON DELETE CASCADE,
    event text NOT NULL,
    job_id bigint,
    body text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    tries integer NOT NULL DEFAULT 0,
    next_try_at timestamptz NOT NULL DEFAULT now(),
    claim_token uuid,
    delivered_at timestamptz,
    abandoned_at timestamptz,
    last_status integer,
    last_error text
);
CREATE INDEX outbox_due ON reactor.outbox (webhook_id, next_try_at, outbox_id) WHERE delivered_at IS NULL AND abandoned_at IS NULL;
CREATE INDEX outbox_ended ON reactor.outbox (coalesce(delivered_at, abandoned_at)) WHERE delivered_at IS NOT NULL OR abandoned_at IS NOT NULL;
CREATE INDEX outbox_job ON reactor.outbox (job_id);

-- name: add_webhook
-- A new endpoint; its secret is not read back.
INSERT INTO reactor.webhooks (url, secret, project_id, events)
VALUES (%(url)s, %(secret)s, %(project_id)s, %(events)s)
RETURNING webhook_id, url, project_id, events, enabled, disabled_reason, created_at;

-- name: list_webhooks
-- Every endpoint with what waits for it, in the order they were added. Never the secret.
SELECT webhook.webhook_id, url, project_id, events, enabled, disabled_reason, webhook.created_at,
       waiting.messages AS waiting, extract(epoch FROM clock_timestamp() - waiting.oldest)::double precision AS oldest_s
  FROM reactor.webhooks AS webhook
 CROSS JOIN LATERAL (
       SELECT count(*) AS messages, min(message.created_at) AS oldest FROM reactor.outbox AS message
        WHERE message.webhook_id = webhook.webhook_id AND delivered_at IS NULL AND abandoned_at IS NULL) AS waiting
 ORDER BY webhook.webhook_id;

-- name: get_webhook
-- One endpoint, without its secret.
SELECT webhook_id, url, project_id, events, enabled, disabled_reason, created_at
  FROM reactor.webhooks WHERE webhook_id = %(webhook_id)s::bigint;

-- name: remove_webhook
-- Its messages go with it.
DELETE FROM reactor.webhooks WHERE webhook_id = %(webhook_id)s::bigint RETURNING webhook_id;

-- name: enable_webhook
-- Messages are written for it again, and those that wait are sent.
UPDATE reactor.webhooks SET enabled = true, disabled_reason = NULL
 WHERE webhook_id = %(webhook_id)s::bigint RETURNING webhook_id;

-- name: disable_webhook
-- Nothing more is written for it or sent to it.
UPDATE reactor.webhooks SET enabled = false, disabled_reason = %(reason)s
 WHERE webhook_id = %(webhook_id)s::bigint AND enabled RETURNING webhook_id;

-- name: keep_managed_webhook
-- The endpoint that a setting stands for: made, or brought to what the setting says now. One that answered 410 stays disabled
-- until the setting changes. A row comes back when something has changed.
INSERT INTO reactor.webhooks AS w (url, secret, events, managed_as)
VALUES (%(url)s::text, coalesce(%(secret)s::text, %(made_up)s::text), %(events)s::text[], %(managed_as)s::text)
ON CONFLICT (managed_as) DO UPDATE
   SET url = excluded.url, secret = coalesce(%(secret)s::text, w.secret), events = excluded.events, enabled = true, disabled_reason = NULL
 WHERE (w.url, w.secret, w.events) IS DISTINCT FROM (excluded.url, coalesce(%(secret)s::text, w.secret), excluded.events)
    OR NOT w.enabled AND w.disabled_reason = %(reason)s::text
RETURNING webhook_id;

-- name: drop_managed_webhook
-- The setting is not there any more: nothing more is written for its endpoint.
UPDATE reactor.webhooks SET enabled = false, disabled_reason = %(reason)s::text
 WHERE managed_as = %(managed_as)s::text AND enabled RETURNING webhook_id;

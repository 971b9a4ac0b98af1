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

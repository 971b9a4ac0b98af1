-- name: find_next_tries
-- Every endpoint that has messages to send, and how long until the first of them is due (negative: it is).
SELECT webhook.webhook_id, extract(epoch FROM first.next_try_at - clock_timestamp())::double precision AS wait_s
  FROM reactor.webhooks AS webhook
 CROSS JOIN LATERAL (
       SELECT next_try_at FROM reactor.outbox AS message
        WHERE message.webhook_id = webhook.webhook_id AND delivered_at IS NULL AND abandoned_at IS NULL
        ORDER BY next_try_at LIMIT 1) AS first
 WHERE webhook.enabled
 ORDER BY first.next_try_at;

-- name: claim_message
-- The next due message of an endpoint, for one try. The next try is the lease: until then nobody else has it.
UPDATE reactor.outbox AS message
   SET tries = tries + 1, claim_token = %(token)s::uuid,
       next_try_at = clock_timestamp() + make_interval(secs => %(lease_s)s::double precision)
  FROM reactor.webhooks AS webhook
 WHERE webhook.webhook_id = message.webhook_id AND webhook.enabled
   AND message.outbox_id = (
       SELECT outbox_id FROM reactor.outbox
        WHERE webhook_id = %(webhook_id)s::bigint AND delivered_at IS NULL AND abandoned_at IS NULL
          AND next_try_at <= clock_timestamp()
        ORDER BY next_try_at, outbox_id LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING message.outbox_id, message.message_id, message.webhook_id, message.event, message.body, message.tries,
          webhook.url, webhook.secret, floor(extract(epoch FROM clock_timestamp()))::bigint AS sent_at;

-- name: record_delivered
-- It has arrived.
UPDATE reactor.outbox
   SET delivered_at = clock_timestamp(), claim_token = NULL, last_status = %(status)s::integer, last_error = NULL
 WHERE outbox_id = %(outbox_id)s::bigint AND claim_token = %(token)s::uuid AND delivered_at IS NULL
RETURNING outbox_id;

-- name: record_failed
-- It has not arrived; it is tried again after the wait.
UPDATE reactor.outbox
   SET next_try_at = clock_timestamp() + make_interval(secs => %(wait_s)s::double precision), claim_token = NULL,
       last_status = %(status)s::integer, last_error = %(error)s
 WHERE outbox_id = %(outbox_id)s::bigint AND claim_token = %(token)s::uuid
RETURNING outbox_id;

-- name: record_abandoned
-- It has not arrived, and nobody tries again unless it is replayed.
UPDATE reactor.outbox
   SET abandoned_at = clock_timestamp(), claim_token = NULL, last_status = %(status)s::integer, last_error = %(error)s
 WHERE outbox_id = %(outbox_id)s::bigint AND claim_token = %(token)s::uuid
RETURNING outbox_id;

-- name: release_message
-- The try was broken off here; anybody may make it again at once, and it is not counted.
UPDATE reactor.outbox SET next_try_at = clock_timestamp(), claim_token = NULL, tries = tries - 1
 WHERE outbox_id = %(outbox_id)s::bigint AND claim_token = %(token)s::uuid
RETURNING outbox_id;

-- name: postpone_messages
-- The endpoint asked for a pause: nothing that waits for it is sent before.
UPDATE reactor.outbox
   SET next_try_at = clock_timestamp() + make_interval(secs => %(wait_s)s::double precision)
 WHERE webhook_id = %(webhook_id)s::bigint AND delivered_at IS NULL AND abandoned_at IS NULL AND claim_token IS NULL
   AND next_try_at < clock_timestamp() + make_interval(secs => %(wait_s)s::double precision);

-- name: abandon_messages
-- Nothing that waits for this endpoint will be sent, unless it is replayed.
UPDATE reactor.outbox
   SET abandoned_at = clock_timestamp(), claim_token = NULL, last_error = coalesce(last_error, %(error)s)
 WHERE webhook_id = %(webhook_id)s::bigint AND delivered_at IS NULL AND abandoned_at IS NULL;

-- name: list_deliveries
-- The messages of an endpoint, the newest first.
SELECT outbox_id, message_id, webhook_id, event, job_id, created_at, tries, delivered_at, abandoned_at, last_status, last_error,
       CASE WHEN delivered_at IS NULL AND abandoned_at IS NULL THEN next_try_at END AS next_try_at
  FROM reactor.outbox
 WHERE webhook_id = %(webhook_id)s::bigint AND outbox_id < coalesce(%(before)s::bigint, 9223372036854775807)
 ORDER BY outbox_id DESC LIMIT %(most)s;

-- name: list_job_deliveries
-- Who was told what of a job, the newest first.
SELECT outbox_id, message_id, webhook_id, event, job_id, created_at, tries, delivered_at, abandoned_at, last_status, last_error,
       CASE WHEN delivered_at IS NULL AND abandoned_at IS NULL THEN next_try_at END AS next_try_at
  FROM reactor.outbox WHERE job_id = %(job_id)s::bigint
 ORDER BY outbox_id DESC LIMIT %(most)s;

-- name: replay_messages
-- Send again: one message, all of a time range, or all that were tried and have not arrived. What is under way is let alone.
WITH replayed AS (
    UPDATE reactor.outbox
       SET delivered_at = NULL, abandoned_at = NULL, tries = 0, next_try_at = clock_timestamp(), claim_token = NULL
     WHERE webhook_id = %(webhook_id)s::bigint
       AND (claim_token IS NULL OR next_try_at <= clock_timestamp())
       AND CASE
           WHEN %(message_id)s::text IS NOT NULL THEN message_id = %(message_id)s::text
           WHEN %(since)s::timestamptz IS NULL AND %(until)s::timestamptz IS NULL THEN delivered_at IS NULL AND (tries > 0 OR abandoned_at IS NOT NULL)
           ELSE created_at >= coalesce(%(since)s::timestamptz, '-infinity')
                AND created_at < coalesce(%(until)s::timestamptz, 'infinity') END
    RETURNING outbox_id)
SELECT messages, CASE WHEN messages > 0 THEN pg_notify('reactor_events', '{"event":"outbox.filled"}')::text END AS told
  FROM (SELECT count(*) AS messages FROM replayed) AS counted;

-- name: prune_messages
-- Forget what has ended long ago, some at a time.
DELETE FROM reactor.outbox
 WHERE outbox_id IN (
       SELECT outbox_id FROM reactor.outbox
        WHERE (delivered_at IS NOT NULL OR abandoned_at IS NOT NULL)
          AND coalesce(delivered_at, abandoned_at) < now() - make_interval(days => %(keep_days)s::integer)
        ORDER BY coalesce(delivered_at, abandoned_at) LIMIT 10000);

-- name: find_oldest_pending
-- How long the longest-waiting message has waited; null when none waits.
SELECT extract(epoch FROM clock_timestamp() - min(message.created_at))::double precision AS age_s
  FROM reactor.outbox AS message JOIN reactor.webhooks AS webhook USING (webhook_id)
 WHERE webhook.enabled AND delivered_at IS NULL AND abandoned_at IS NULL;

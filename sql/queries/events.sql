-- name: read_events
-- What was announced after a place in the log, as far as every transaction before it has ended.
SELECT xid::text AS xid, id, at, event, job_ids
  FROM reactor.events
 WHERE (xid, id) > (%(xid)s::text::xid8, %(id)s::bigint) AND xid < pg_snapshot_xmin(pg_current_snapshot())
 ORDER BY xid, id
 LIMIT %(most)s;

-- name: find_end
-- The place after everything that can be read now.
SELECT (pg_snapshot_xmin(pg_current_snapshot())::text::numeric - 1)::text AS xid, 9223372036854775807 AS id;

-- name: prune_events
-- Forget the oldest, some at a time; they lie in the order of their age.
DELETE FROM reactor.events
 WHERE (xid, id) IN (SELECT xid, id FROM reactor.events WHERE at < now() - make_interval(days => %(keep_days)s::integer)
                      ORDER BY xid, id LIMIT 10000);

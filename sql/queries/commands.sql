-- name: obey
-- Do what was asked and write down who asked.
SELECT verdict, outcome
  FROM reactor.obey(%(verb)s::text, %(job_id)s::bigint, %(reason)s::text, %(given_by)s::text, %(force)s::boolean);

-- name: find_sender
-- The role behind a NOTIFY, and whether it may command: an operator, a superuser, or the table's owner.
SELECT usename::text AS role,
       (usesuper OR pg_has_role(usesysid, (SELECT relowner FROM pg_class WHERE oid = 'public.actp_gen_jobs'::regclass), 'MEMBER')
        OR to_regrole('reactor_operator') IS NOT NULL AND pg_has_role(usesysid, to_regrole('reactor_operator'), 'MEMBER')) AS may_command
  FROM pg_stat_activity JOIN pg_user USING (usesysid, usename)
 WHERE pid = %(pid)s AND backend_start < clock_timestamp();

-- name: reply
-- Answer on the channel people listen on.
SELECT pg_notify('reactor_reply', %(payload)s::text);

-- name: is_paused
-- Whether anything may be claimed.
SELECT paused FROM reactor.control;

-- name: register_agent
-- A reactor or a renderer says that it is here.
INSERT INTO public.actp_agent_registry AS a
       (agent_id, name, kind, status, pid, host, version, url, capabilities, started_at, heartbeat_at)
VALUES (%(agent_id)s, %(name)s, %(kind)s, %(status)s, %(pid)s, %(host)s, %(version)s, %(url)s, %(capabilities)s, clock_timestamp(), clock_timestamp())
ON CONFLICT (agent_id) DO UPDATE
   SET name = excluded.name, status = excluded.status, pid = excluded.pid, host = excluded.host, version = excluded.version,
       url = excluded.url, capabilities = excluded.capabilities, heartbeat_at = excluded.heartbeat_at,
       started_at = CASE WHEN a.pid IS DISTINCT FROM excluded.pid THEN excluded.started_at ELSE a.started_at END;

-- name: beat_agents
-- Still here; and a word to our own ears, sent from another connection, to learn whether they hear.
WITH beat AS (
    UPDATE public.actp_agent_registry SET heartbeat_at = clock_timestamp() WHERE agent_id = ANY (%(agents)s::uuid[])
)
SELECT pg_notify(%(channel)s::text, %(nonce)s::text);

-- name: retire_agents
-- Gone on purpose. Agents that have not been heard of for a day are forgotten.
WITH stale AS (
    DELETE FROM public.actp_agent_registry WHERE heartbeat_at < now() - interval '1 day'
)
UPDATE public.actp_agent_registry SET status = 'stopped', heartbeat_at = clock_timestamp() WHERE agent_id = ANY (%(agents)s::uuid[]);

-- name: list_agents
-- Who works here; a missed heartbeat shows as down. Those who left are shown for a while.
SELECT agent_id, name, kind, pid, host, version, url, heartbeat_at, status
  FROM reactor.agents
 WHERE status <> 'stopped' OR heartbeat_at > now() - interval '5 minutes'
 ORDER BY kind, started_at;

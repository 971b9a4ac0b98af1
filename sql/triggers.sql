-- All that is announced, and the moves that are refused, on one page. Re-applied after every migrate:
-- create or replace only. Statement-level with transition tables: one look at all changed rows.
-- They run as their owner, so whoever may insert a job needs no right on anything of ours.
-- Payloads are thin and always under 8,000 bytes, because a longer one would abort the producer's insert.

-- docs/states.md draws this; tests hold both against reactor/models.py.
CREATE OR REPLACE FUNCTION reactor.can_transition(old_status text, new_status text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE old_status
        WHEN 'pending' THEN new_status IN ('processing', 'cancelled')
        WHEN 'processing' THEN new_status IN ('complete', 'failed', 'cancelled', 'pending')
        WHEN 'failed' THEN new_status = 'pending'
        ELSE false
    END
$$;

CREATE OR REPLACE FUNCTION reactor.can_advance(old_stage text, new_stage text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE old_stage
        WHEN 'claimed' THEN new_stage IN ('rendering', 'rendered')
        WHEN 'rendering' THEN new_stage = 'rendered'
        WHEN 'rendered' THEN new_stage = 'publishing'
        WHEN 'publishing' THEN new_stage = 'rendered'
        ELSE new_stage IN ('claimed', 'rendered')
    END
$$;

-- One event's ids in messages of at most 350; beyond eight messages only the count.
CREATE OR REPLACE FUNCTION reactor.tell(event text, ids bigint[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, reactor, pg_temp AS $$
BEGIN
    IF cardinality(ids) > 8 * 350 THEN
        PERFORM pg_notify('reactor_events', json_build_object('event', event, 'count', cardinality(ids))::text);
    ELSE
        FOR start IN 1 .. coalesce(cardinality(ids), 0) BY 350 LOOP
            PERFORM pg_notify('reactor_events',
                              json_build_object('event', event, 'ids', ids[start : start + 349])::text);
        END LOOP;
    END IF;
END $$;

-- A message for every webhook that wants this event of these jobs; docs/webhooks.md shows one. Events of publishing
-- carry the payload of the publish queue as well.
CREATE OR REPLACE FUNCTION reactor.post(event text, ids bigint[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, reactor, pg_temp AS $$
BEGIN
    INSERT INTO reactor.outbox (webhook_id, event, job_id, body)
    SELECT webhook.webhook_id, post.event, job.id, reactor.message(post.event, jsonb_build_object(
                   'id', job.id, 'status', job.status, 'project_id', job.project_id, 'session_id', job.session_id,
                   'batch_id', job.batch_id, 'template_id', job.template_id, 'format', job.format, 'quality', job.quality,
                   'output_path', job.output_path, 'thumbnail_path', job.thumbnail_path, 'video_url', job.video_url,
                   'file_size_bytes', job.file_size_bytes, 'duration_s', job.duration_s, 'width', job.width,
                   'height', job.height, 'sha256', job.sha256, 'error_class', job.error_class,
                   'error_message', left(job.error_message, 4000), 'created_at', job.created_at,
                   'completed_at', job.completed_at,
                   -- A message stays small; what is larger is read from the job.
                   'metadata', CASE WHEN length(job.metadata::text) <= 8000 THEN job.metadata END)
               || CASE WHEN post.event LIKE 'publish.%' THEN jsonb_build_object(
                   'publish_id', queued.publish_id, 'platform', queued.platform, 'publish_status', queued.status,
                   'problems', queued.problems, 'payload', queued.payload, 'published_url', queued.published_url,
                   'published_at', queued.published_at) ELSE '{}' END)
      FROM reactor.webhooks AS webhook
      JOIN public.actp_gen_jobs AS job ON job.id = ANY (ids)
       AND (webhook.project_id IS NULL OR webhook.project_id = job.project_id)
      -- By its index, also where nested loops are switched off.
      LEFT JOIN LATERAL (SELECT * FROM reactor.mplite_queue WHERE job_id = job.id AND post.event LIKE 'publish.%' OFFSET 0) AS queued ON true
     WHERE webhook.enabled AND post.event = ANY (webhook.events)
     ORDER BY job.id, webhook.webhook_id
       FOR KEY SHARE OF webhook;
    IF FOUND THEN
        PERFORM pg_notify('reactor_events', '{"event":"outbox.filled"}');
    END IF;
END $$;

-- A message's text, the same for every event.
CREATE OR REPLACE FUNCTION reactor.message(event text, data jsonb) RETURNS text
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
    SELECT json_build_object(
        'type', event, 'timestamp', to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), 'data', data)::text
$$;

-- What happened to jobs: into the log, into the outbox, and out as NOTIFY.
CREATE OR REPLACE FUNCTION reactor.announce(event text, ids bigint[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, reactor, pg_temp AS $$
BEGIN
    IF coalesce(cardinality(ids), 0) = 0 THEN
        RETURN;
    END IF;
    IF cardinality(ids) <= 350 THEN
        -- The common case without a detour, because every producer waits for it.
        INSERT INTO reactor.events (event, job_ids) VALUES (announce.event, ids);
        PERFORM pg_notify('reactor_events', json_build_object('event', event, 'ids', ids)::text);
    ELSE
        FOR start IN 1 .. cardinality(ids) BY 1000 LOOP
            INSERT INTO reactor.events (event, job_ids) VALUES (announce.event, ids[start : start + 999]);
        END LOOP;
        PERFORM reactor.tell(event, ids);
    END IF;
    IF EXISTS (SELECT FROM reactor.webhooks WHERE enabled) THEN
        PERFORM reactor.post(event, ids);
    END IF;
END $$;

CREATE OR REPLACE FUNCTION reactor.on_job_insert() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, reactor, pg_temp AS $$
DECLARE
    wrong bigint;
    due bigint[];
    ended timestamptz;
BEGIN
    SELECT min(id) FILTER (WHERE status NOT IN ('pending', 'complete', 'failed', 'cancelled')),
           array_agg(id) FILTER (WHERE status = 'pending' AND approved AND run_after <= now()), min(completed_at)
      INTO wrong, due, ended
      FROM new_rows;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'job %: a new job starts as pending', wrong USING ERRCODE = 'check_violation';
    END IF;
    PERFORM reactor.announce('job.pending', due);
    IF ended IS NOT NULL AND ended < clock_timestamp() - interval '1 hour' THEN
        PERFORM reactor.drop_tallies();  -- sql/stats.sql
    END IF;
    RETURN NULL;
END $$;

-- The plan is made once, at the first update a session makes, which may be of one row: without nested
-- loops the same plan is good for a million (a loop over both transition tables would be quadratic).
CREATE OR REPLACE FUNCTION reactor.on_job_update() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, reactor, pg_temp SET enable_nestloop = off AS $$
DECLARE
    changed record;
BEGIN
    FOR changed IN
        SELECT event, array_agg(id) FILTER (WHERE told) AS ids, min(move) FILTER (WHERE wrong) AS wrong,
               array_agg(id) FILTER (WHERE told AND publishable) AS publishable
          FROM (
            SELECT n.id,
                   n.status = 'complete' AND n.platform <> '' AND n.output_path IS NOT NULL AS publishable,
                   CASE WHEN n.status = 'processing' AND n.stage = 'rendered' THEN 'job.rendered' ELSE 'job.' || n.status END AS event,
                   CASE n.status
                       WHEN 'pending' THEN n.approved AND n.run_after <= now()
                            AND (o.status <> 'pending' OR NOT o.approved OR o.run_after > now() OR o.renderer <> n.renderer)
                       WHEN 'processing' THEN o.status <> 'processing' OR (n.stage = 'rendered' AND o.stage <> 'rendered')
                       ELSE n.status IS DISTINCT FROM o.status
                   END AS told,
                   o.id IS NULL
                       OR (n.status IS DISTINCT FROM o.status AND NOT reactor.can_transition(o.status, n.status))
                       OR (n.status IS DISTINCT FROM o.status OR n.stage IS DISTINCT FROM o.stage)
                          AND CASE WHEN n.status = 'processing'
                                   THEN n.stage IS NULL
                                        OR n.stage IS DISTINCT FROM o.stage AND NOT reactor.can_advance(o.stage, n.stage)
                                   ELSE n.stage IS NOT NULL END AS wrong,
                   CASE WHEN o.id IS NULL THEN format('job %s: changing its id', n.id)
                        ELSE format('job %s: %s -> %s', n.id, concat_ws('/', o.status, o.stage), concat_ws('/', n.status, n.stage))
                   END AS move
              FROM new_rows n LEFT JOIN old_rows o USING (id)
          ) AS moved
         WHERE told OR wrong
         GROUP BY event
    LOOP
        IF changed.wrong IS NOT NULL THEN
            RAISE EXCEPTION '% is not a move a job can make', changed.wrong
                USING ERRCODE = 'check_violation',
                      HINT = 'docs/states.md draws the moves; SELECT reactor.retry(id) and reactor.cancel(id) make them.';
        END IF;
        PERFORM reactor.announce(changed.event, changed.ids);
        IF changed.publishable IS NOT NULL THEN
            PERFORM reactor.move_to_publish_queue(changed.publishable);
        END IF;
    END LOOP;
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION reactor.on_control_update() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, reactor, pg_temp AS $$
BEGIN
    PERFORM pg_notify('reactor_events', json_build_object('event', CASE WHEN NEW.paused THEN 'farm.paused' ELSE 'farm.resumed' END)::text);
    RETURN NULL;
END $$;

-- An alert about a job is for its project's webhooks, too; one about a webhook is not for that webhook, which does not
-- take messages just now. A webhook that is being removed is told nothing, and not waited for.
CREATE OR REPLACE FUNCTION reactor.on_alert() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, reactor, pg_temp AS $$
DECLARE
    event text := CASE WHEN NEW.resolved_at IS NULL THEN 'alert.raised' ELSE 'alert.resolved' END;
    about bigint := reactor.job_of_alert(NEW.kind, NEW.subject);
BEGIN
    -- Control characters become six bytes each, and a longer payload would abort the reporter.
    PERFORM pg_notify('reactor_alerts', json_build_object(
        'alert', NEW.id, 'kind', left(NEW.kind, 60), 'subject', left(NEW.subject, 200), 'message', left(NEW.message, 900),
        'resolved', NEW.resolved_at IS NOT NULL)::text);
    INSERT INTO reactor.outbox (webhook_id, event, job_id, body)
    SELECT webhook.webhook_id, event, about, reactor.message(event, jsonb_build_object(
               'id', NEW.id, 'kind', NEW.kind, 'subject', NEW.subject, 'message', left(NEW.message, 4000),
               'raised_at', NEW.raised_at, 'resolved_at', NEW.resolved_at))
      FROM reactor.webhooks AS webhook
     WHERE webhook.enabled AND event = ANY (webhook.events)
       AND (webhook.project_id IS NULL OR webhook.project_id = (SELECT project_id FROM public.actp_gen_jobs WHERE id = about))
       AND NOT (NEW.kind = 'webhook_failed' AND NEW.subject = webhook.webhook_id::text)
     ORDER BY webhook.webhook_id
       FOR KEY SHARE OF webhook SKIP LOCKED;
    IF FOUND THEN
        PERFORM pg_notify('reactor_events', '{"event":"outbox.filled"}');
    END IF;
    RETURN NULL;
END $$;

-- What should be made has changed: whoever fills the queue looks again.
CREATE OR REPLACE FUNCTION reactor.on_catalog_change() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, reactor, pg_temp AS $$
BEGIN
    PERFORM pg_notify('reactor_events', '{"event":"catalog.changed"}');
    RETURN NULL;
END $$;

CREATE OR REPLACE TRIGGER reactor_job_insert AFTER INSERT ON public.actp_gen_jobs
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION reactor.on_job_insert();
CREATE OR REPLACE TRIGGER reactor_job_update AFTER UPDATE ON public.actp_gen_jobs
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION reactor.on_job_update();
CREATE OR REPLACE TRIGGER reactor_control_update AFTER UPDATE OF paused ON reactor.control
    FOR EACH ROW WHEN (OLD.paused IS DISTINCT FROM NEW.paused) EXECUTE FUNCTION reactor.on_control_update();
CREATE OR REPLACE TRIGGER reactor_alert_insert AFTER INSERT ON reactor.alerts
    FOR EACH ROW EXECUTE FUNCTION reactor.on_alert();
CREATE OR REPLACE TRIGGER reactor_alert_resolved AFTER UPDATE OF resolved_at ON reactor.alerts
    FOR EACH ROW WHEN (OLD.resolved_at IS DISTINCT FROM NEW.resolved_at) EXECUTE FUNCTION reactor.on_alert();
-- Numbering the videos (`made`) is no change of what should be made.
CREATE OR REPLACE TRIGGER reactor_niches_change AFTER INSERT OR DELETE OR UPDATE OF niche, title, performance, enabled ON reactor.niches
    FOR EACH STATEMENT EXECUTE FUNCTION reactor.on_catalog_change();
CREATE OR REPLACE TRIGGER reactor_platforms_change AFTER INSERT OR UPDATE OR DELETE ON reactor.platforms
    FOR EACH STATEMENT EXECUTE FUNCTION reactor.on_catalog_change();
CREATE OR REPLACE TRIGGER reactor_templates_change AFTER INSERT OR UPDATE OR DELETE ON reactor.templates
    FOR EACH STATEMENT EXECUTE FUNCTION reactor.on_catalog_change();

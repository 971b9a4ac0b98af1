-- The handover to publishing: what is put into reactor.mplite_queue, and what publishers do with it. Re-applied after
-- every migrate: create or replace only. docs/publishing.md draws the moves.

-- A text with what is known filled in: {niche}, {platform}, {n}, {date}.
CREATE OR REPLACE FUNCTION reactor.fill_in(said text, niche text, platform text, n text, day date) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT replace(replace(replace(replace(said, '{n}', coalesce(n, '')), '{date}', coalesce(day::text, '')),
                           '{platform}', coalesce(platform, '')), '{niche}', coalesce(niche, ''))
$$;

-- A niche as people read it.
CREATE OR REPLACE FUNCTION reactor.niche_title(wanted text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, reactor, pg_temp AS $$
    SELECT coalesce((SELECT title FROM reactor.niches WHERE niche = wanted), initcap(replace(wanted, '_', ' ')))
$$;

-- Cut to what a platform allows, with an ellipsis; `bound` is the longest of all.
CREATE OR REPLACE FUNCTION reactor.fit(said text, most integer, bound integer) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN length(said) > least(most, bound) THEN rtrim(left(said, greatest(least(most, bound) - 1, 0))) || '…' ELSE said END
$$;

-- What producers wrote can be anything: a text or a number is taken, up to a length, and all else is not there.
CREATE OR REPLACE FUNCTION reactor.words(said jsonb, most integer) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN jsonb_typeof(said) IN ('string', 'number') THEN nullif(btrim(left(said #>> '{}', most), E' \t\r\n'), '') END
$$;

-- Hashtags as somebody wrote them: a list, or a text of them; without #, white space and commas.
CREATE OR REPLACE FUNCTION reactor.hashtags(said jsonb) RETURNS text[]
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, reactor, pg_temp AS $$
    SELECT ARRAY(
        SELECT ltrim(part, '#')
          FROM (SELECT one FROM jsonb_array_elements(CASE jsonb_typeof(said) WHEN 'array' THEN said ELSE jsonb_build_array(said) END) AS one
                 LIMIT 200) AS few,
               regexp_split_to_table(reactor.words(one, 10000), '[\s,]+') AS part
         LIMIT 1000)
$$;

-- A number of a payload; what is none (also NaN and Infinity, which JSON has as texts) is not known.
CREATE OR REPLACE FUNCTION reactor.number_in(payload jsonb, name text) RETURNS numeric
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN jsonb_typeof(payload -> name) = 'number' THEN (payload ->> name)::numeric END
$$;

-- All a publisher needs to know of a complete job; null when there is no such job. What producers wrote into params
-- (title, description, hashtags) comes first, then the template's and the niche's own. Columns go through to_jsonb,
-- because a table that was there before may have other types.
CREATE OR REPLACE FUNCTION reactor.build_publish_payload(job_id bigint) RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, reactor, pg_temp AS $$
    SELECT jsonb_build_object(
        'job_id', job.id, 'platform', left(job.platform, 200), 'niche', left(job.niche, 200), 'template_id', left(job.template_id, 200),
        'format', left(job.format, 200), 'title', reactor.fit(regexp_replace(said.title, '\s+', ' ', 'g'), platform.max_title, 2000),
        'description', reactor.fit(said.description, platform.max_description, 10000),
        'hashtags', (SELECT coalesce(jsonb_agg(tag ORDER BY place), '[]')
                       FROM (SELECT left((array_agg(tag ORDER BY place))[1], 100) AS tag, min(place) AS place
                               FROM unnest(said.hashtags) WITH ORDINALITY AS tags (tag, place)
                              WHERE tag ~ '\S' GROUP BY lower(left(tag, 100)) ORDER BY 2 LIMIT least(platform.max_hashtags, 100)) AS few),
        'file', left(job.output_path, 4096), 'thumbnail', left(job.thumbnail_path, 4096), 'duration_s', job.duration_s, 'width', job.width,
        'height', job.height, 'fps', job.fps, 'file_size_bytes', job.file_size_bytes, 'sha256', left(job.sha256, 200),
        'completed_at', job.completed_at)
      FROM public.actp_gen_jobs AS job
      LEFT JOIN reactor.platforms AS platform ON platform.platform = job.platform
      LEFT JOIN reactor.niches AS niche ON niche.niche = job.niche
      LEFT JOIN reactor.templates AS template ON template.template_id = job.template_id
     CROSS JOIN LATERAL (
        -- A description that speaks of a number is none without one.
        SELECT params, niche_title, n, day, CASE WHEN n IS NOT NULL OR usual NOT LIKE '%{n}%' THEN usual END AS usual
          FROM (SELECT to_jsonb(job.params) AS params, (job.created_at::timestamptz AT TIME ZONE reactor.time_zone())::date AS day, reactor.niche_title(left(job.niche, 200)) AS niche_title,
                       reactor.words(to_jsonb(job.metadata) -> 'n', 20) AS n, left(template.defaults ->> 'description', 10001) AS usual OFFSET 0) AS said
     ) AS known
     CROSS JOIN LATERAL (
        SELECT coalesce(reactor.words(known.params -> 'title', 2001), nullif(left(regexp_replace(left(job.audio_name, 2001), '\.\w{1,5}$', ''), 2001), ''),
                        niche_title, left(job.template_id, 2001), '') AS title,
               coalesce(reactor.words(known.params -> 'description', 10001),
                        left(reactor.fill_in(known.usual, niche_title, left(job.platform, 200), known.n, known.day), 10001),
                        reactor.words(known.params -> 'subtitle', 10001), '') AS description,
               reactor.hashtags(known.params -> 'hashtags') || reactor.hashtags(template.defaults -> 'hashtags')
               || reactor.hashtags(to_jsonb(niche.hashtags)) AS hashtags) AS said
     WHERE job.id = build_publish_payload.job_id
$$;

-- What a platform would not take, a sentence each; none of a platform that has no row. What is not known is not held against it.
CREATE OR REPLACE FUNCTION reactor.publish_problems(payload jsonb) RETURNS text[]
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, reactor, pg_temp AS $$
    SELECT coalesce((
        SELECT array_remove(ARRAY[
            CASE WHEN it.duration_s > max_duration_s::numeric
                 THEN format('%s s long; %s takes at most %s s', round(it.duration_s, 1), platform, max_duration_s) END,
            CASE WHEN it.duration_s < min_duration_s::numeric
                 THEN format('%s s long; %s takes at least %s s', round(it.duration_s, 1), platform, min_duration_s) END,
            CASE WHEN jsonb_typeof(payload -> 'duration_s') = 'string' AND num_nonnulls(min_duration_s, max_duration_s) > 0
                 THEN format('%s s long; %s wants to know how long it is', left(payload ->> 'duration_s', 20), platform) END,
            CASE WHEN NOT it.aspect = ANY (aspects)
                 THEN format('%sx%s is %s; %s takes %s', it.width, it.height, it.aspect, platform, array_to_string(aspects, ', ')) END,
            CASE WHEN NOT it.container = ANY (containers)
                 THEN format('a %s file; %s takes %s', left(it.container, 20), platform, array_to_string(containers, ', ')) END,
            CASE WHEN it.bytes > max_bytes
                 THEN format('%s bytes; %s takes at most %s', it.bytes, platform, max_bytes) END], NULL)
          FROM reactor.platforms
         CROSS JOIN (
            SELECT duration_s, bytes, width, height, CASE extension WHEN 'jpeg' THEN 'jpg' ELSE extension END AS container,
                   CASE WHEN abs(width / nullif(height, 0) * 9 / 16 - 1) < 0.02 THEN '16:9'
                        WHEN abs(width / nullif(height, 0) * 16 / 9 - 1) < 0.02 THEN '9:16'
                        WHEN abs(width / nullif(height, 0) - 1) < 0.02 THEN '1:1'
                        ELSE width || ':' || height END AS aspect
              FROM (SELECT reactor.number_in(payload, 'duration_s') AS duration_s, reactor.number_in(payload, 'file_size_bytes') AS bytes,
                           reactor.number_in(payload, 'width') AS width, reactor.number_in(payload, 'height') AS height,
                           lower(substring(payload ->> 'file' FROM '\.([^./]+)$')) AS extension) AS measured) AS it
         WHERE platform = payload ->> 'platform'), '{}')
$$;

-- Put completed jobs into the publish queue; called in the transaction that completes them. A video that is made must not
-- be lost over what somebody wrote beside it: whatever cannot be put into words here is blocked, and says why.
CREATE OR REPLACE FUNCTION reactor.move_to_publish_queue(ids bigint[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, reactor, pg_temp AS $$
BEGIN
    -- Where ids began anew (TRUNCATE … RESTART IDENTITY), what was handed over before the job was made is not this job's.
    DELETE FROM reactor.mplite_queue AS queued USING public.actp_gen_jobs AS job
     WHERE queued.job_id = ANY (ids) AND job.id = ANY (ids) AND queued.job_id = job.id AND queued.created_at < job.created_at::timestamptz;
    INSERT INTO reactor.mplite_queue (job_id, platform, niche, priority, payload, problems, status)
    SELECT job.id, job.platform, job.niche, greatest(-2147483647, least(2147483647, coalesce(job.priority, 0))), payload, problems,
           CASE WHEN problems = '{}' THEN 'ready' ELSE 'blocked' END
      FROM public.actp_gen_jobs AS job
     CROSS JOIN LATERAL (SELECT reactor.build_publish_payload(job.id) AS payload OFFSET 0) AS built
     CROSS JOIN LATERAL (SELECT reactor.publish_problems(payload) AS problems OFFSET 0) AS judged
     WHERE job.id = ANY (ids)
    ON CONFLICT (job_id) DO NOTHING;
EXCEPTION WHEN data_exception OR program_limit_exceeded THEN
    INSERT INTO reactor.mplite_queue (job_id, platform, niche, priority, payload, problems, status)
    SELECT job.id, job.platform, job.niche, 0, jsonb_build_object('job_id', job.id, 'platform', left(job.platform, 200)),
           ARRAY['its payload could not be made: ' || left(SQLERRM, 500)], 'blocked'
      FROM public.actp_gen_jobs AS job
     WHERE job.id = ANY (ids)
    ON CONFLICT (job_id) DO NOTHING;
END $$;

-- The payload of what waits, made anew; null when that cannot be done.
CREATE OR REPLACE FUNCTION reactor.rebuild_payload(job_id bigint, was jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, reactor, pg_temp AS $$
BEGIN
    RETURN coalesce(reactor.build_publish_payload(job_id), was);
EXCEPTION WHEN data_exception OR program_limit_exceeded THEN
    RETURN NULL;
END $$;

-- A platform takes other videos than before: what waits for it is put into words and judged again. What cannot be put into
-- words stays blocked, and must not keep anybody from changing the platform.
CREATE OR REPLACE FUNCTION reactor.judge_again(wanted text) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, reactor, pg_temp AS $$
    WITH waiting AS MATERIALIZED (
        SELECT publish_id, job_id, payload FROM reactor.mplite_queue
         WHERE platform = wanted AND status IN ('ready', 'blocked') ORDER BY publish_id FOR UPDATE
    ), judged AS MATERIALIZED (
        SELECT publish_id, made.payload, reactor.publish_problems(made.payload) AS problems
          FROM waiting
         CROSS JOIN LATERAL (SELECT reactor.rebuild_payload(waiting.job_id, waiting.payload) AS payload OFFSET 0) AS made
         WHERE made.payload IS NOT NULL
    )
    UPDATE reactor.mplite_queue AS queued
       SET payload = judged.payload, problems = judged.problems, status = CASE WHEN judged.problems = '{}' THEN 'ready' ELSE 'blocked' END
      FROM judged
     WHERE queued.publish_id = judged.publish_id
       AND (queued.payload, queued.problems) IS DISTINCT FROM (judged.payload, judged.problems)
$$;

CREATE OR REPLACE FUNCTION reactor.on_platform_limits() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, reactor, pg_temp AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        PERFORM reactor.judge_again(OLD.platform);
    END IF;
    IF TG_OP = 'INSERT' OR TG_OP = 'UPDATE' AND NEW.platform <> OLD.platform THEN
        PERFORM reactor.judge_again(NEW.platform);
    END IF;
    RETURN NULL;
END $$;

-- The moves a publication can make, whoever makes them; what belongs to a move is filled in.
CREATE OR REPLACE FUNCTION reactor.can_publish(old_status text, new_status text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE old_status
        WHEN 'ready' THEN new_status IN ('publishing', 'blocked', 'published', 'failed')
        WHEN 'blocked' THEN new_status IN ('ready', 'published', 'failed')
        WHEN 'publishing' THEN new_status IN ('published', 'ready', 'failed')
        WHEN 'failed' THEN new_status IN ('ready', 'published')
        ELSE false
    END
$$;

CREATE OR REPLACE FUNCTION reactor.guard_publication() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, reactor, pg_temp AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF (NEW.publish_id, NEW.job_id) IS DISTINCT FROM (OLD.publish_id, OLD.job_id)
           OR OLD.status = 'published' AND NEW.published_at IS DISTINCT FROM OLD.published_at THEN
            RAISE EXCEPTION 'publication %: its id, its job and when it was published stay as they are', OLD.publish_id
                USING ERRCODE = 'check_violation';
        ELSIF NEW.status <> OLD.status AND NOT reactor.can_publish(OLD.status, NEW.status) THEN
            RAISE EXCEPTION 'publication % (job %): % -> % is not a move it can make', OLD.publish_id, OLD.job_id, OLD.status, NEW.status
                USING ERRCODE = 'check_violation', HINT = 'docs/publishing.md draws the moves.';
        ELSIF NEW.status <> OLD.status AND OLD.lease_expires_at > clock_timestamp() AND NEW.lease_expires_at IS NOT NULL THEN
            -- Our own functions look at the token, and end the lease.
            RAISE EXCEPTION 'publication % (job %): % has it until %', OLD.publish_id, OLD.job_id, quote_literal(OLD.publisher), OLD.lease_expires_at
                USING ERRCODE = 'check_violation', HINT = 'To decide it all the same, SET lease_expires_at = NULL in the same UPDATE.';
        ELSIF NEW.status = 'ready' AND OLD.status IN ('blocked', 'failed') THEN
            NEW.tries := 0;
            NEW.error_message := NULL;
            NEW.publish_after := least(NEW.publish_after, clock_timestamp());
        END IF;
    END IF;
    IF NEW.status = 'publishing' THEN
        IF num_nulls(NEW.publisher, NEW.claim_token, NEW.lease_expires_at) > 0 THEN
            RAISE EXCEPTION 'publication % is taken with reactor.take_publications(publisher)', NEW.publish_id USING ERRCODE = 'check_violation';
        END IF;
    ELSE
        NEW.lease_expires_at := NULL;
    END IF;
    IF NEW.status = 'published' THEN
        NEW.published_at := CASE WHEN isfinite(NEW.published_at) THEN NEW.published_at ELSE clock_timestamp() END;
        IF TG_OP = 'INSERT' OR OLD.status <> 'published' THEN
            NEW.error_message := NULL;
        END IF;
    ELSE
        NEW.published_at := NULL;
        IF NEW.status <> 'publishing' THEN
            NEW.claim_token := NULL;
            NEW.publisher := NULL;
        END IF;
    END IF;
    RETURN NEW;
END $$;

-- Says what became of publications: to whoever listens, to webhooks, and to people as alerts.
CREATE OR REPLACE FUNCTION reactor.tell_of_publications(ready bigint[], blocked bigint[], published bigint[], failed bigint[], waiting bigint)
RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, reactor, pg_temp AS $$
BEGIN
    PERFORM reactor.announce('publish.ready', ready);
    PERFORM reactor.announce('publish.blocked', blocked);
    PERFORM reactor.announce('publish.published', published);
    PERFORM reactor.announce('publish.failed', failed);
    IF waiting > 0 THEN
        -- Publishers listen here; what there is to do they read from the queue.
        PERFORM pg_notify('reactor_publish', json_build_object('event', 'publish.ready', 'count', waiting)::text);
    END IF;
    IF num_nonnulls(blocked, failed) > 0 THEN
        INSERT INTO reactor.alerts (kind, subject, message)
        SELECT 'publish_' || status, job_id::text,
               left(format('job %s cannot go to %s: %s', job_id, platform,
                           CASE status WHEN 'blocked' THEN array_to_string(problems, '; ') ELSE coalesce(error_message, 'no reason was given') END), 2000)
          FROM reactor.mplite_queue
         WHERE job_id = ANY (blocked || failed) AND status IN ('blocked', 'failed')
        ON CONFLICT (kind, subject) WHERE resolved_at IS NULL DO NOTHING;
    END IF;
END $$;

CREATE OR REPLACE FUNCTION reactor.on_publish_insert() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, reactor, pg_temp AS $$
BEGIN
    PERFORM reactor.tell_of_publications(
            array_agg(job_id) FILTER (WHERE status = 'ready'), array_agg(job_id) FILTER (WHERE status = 'blocked'),
            array_agg(job_id) FILTER (WHERE status = 'published'), array_agg(job_id) FILTER (WHERE status = 'failed'),
            count(*) FILTER (WHERE status = 'ready' AND publish_after <= clock_timestamp()))
       FROM new_rows HAVING count(*) > 0;
    RETURN NULL;
END $$;

-- What is given back is no news for webhooks, but for publishers.
CREATE OR REPLACE FUNCTION reactor.on_publish_update() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, reactor, pg_temp SET enable_nestloop = off AS $$
DECLARE
    over text[];
BEGIN
    PERFORM reactor.tell_of_publications(
            array_agg(n.job_id) FILTER (WHERE n.status = 'ready' AND o.status <> 'publishing'),
            array_agg(n.job_id) FILTER (WHERE n.status = 'blocked'), array_agg(n.job_id) FILTER (WHERE n.status = 'published'),
            array_agg(n.job_id) FILTER (WHERE n.status = 'failed'),
            count(*) FILTER (WHERE n.status = 'ready' AND n.publish_after <= clock_timestamp()))
       FROM new_rows AS n JOIN old_rows AS o USING (publish_id)
      WHERE n.status <> o.status HAVING count(*) > 0;
    SELECT array_agg(n.job_id::text) INTO over
      FROM new_rows AS n JOIN old_rows AS o USING (publish_id)
     WHERE n.status <> o.status AND o.status IN ('blocked', 'failed');
    IF over IS NOT NULL THEN
        UPDATE reactor.alerts AS alert SET resolved_at = clock_timestamp()
         WHERE kind IN ('publish_blocked', 'publish_failed') AND subject = ANY (over) AND resolved_at IS NULL
           AND NOT EXISTS (SELECT FROM new_rows AS n WHERE n.job_id::text = alert.subject AND 'publish_' || n.status = alert.kind);
    END IF;
    RETURN NULL;
END $$;

-- Take what is due, the most urgent first; nobody else is handed the same until the lease has run out.
CREATE OR REPLACE FUNCTION reactor.take_publications(
    publisher text, most integer DEFAULT 1, platform text DEFAULT NULL, lease_s double precision DEFAULT 600
) RETURNS SETOF reactor.taken_publication LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, reactor, pg_temp AS $$
#variable_conflict use_column
BEGIN
    IF NOT coalesce(take_publications.publisher ~ '\S' AND length(take_publications.publisher) <= 200, false) THEN
        RAISE EXCEPTION 'publisher: say who takes it, in at most 200 characters' USING ERRCODE = 'invalid_parameter_value';
    ELSIF NOT coalesce(take_publications.most BETWEEN 1 AND 100, false) THEN
        RAISE EXCEPTION 'most: is %; allowed: 1 to 100', coalesce(take_publications.most::text, 'null') USING ERRCODE = 'invalid_parameter_value';
    END IF;
    PERFORM reactor.check_lease(take_publications.lease_s);
    PERFORM reactor.take_back_publications();
    RETURN QUERY
        WITH due AS MATERIALIZED (
            SELECT publish_id FROM reactor.mplite_queue
             WHERE status = 'ready' AND publish_after <= clock_timestamp()
               AND (take_publications.platform IS NULL OR platform = take_publications.platform)
             ORDER BY priority DESC, publish_id LIMIT take_publications.most FOR UPDATE SKIP LOCKED
        ), taken AS (
            UPDATE reactor.mplite_queue AS queued
               SET status = 'publishing', tries = queued.tries + 1, publisher = take_publications.publisher, claim_token = gen_random_uuid(),
                   lease_expires_at = clock_timestamp() + make_interval(secs => take_publications.lease_s)
              FROM due WHERE queued.publish_id = due.publish_id
            RETURNING queued.*
        )
        SELECT publish_id, claim_token, job_id, platform, tries, lease_expires_at, payload
          FROM taken ORDER BY priority DESC, publish_id;
END $$;

CREATE OR REPLACE FUNCTION reactor.check_lease(lease_s double precision) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT coalesce(lease_s BETWEEN 1 AND 86400, false) THEN
        RAISE EXCEPTION 'lease_s: is %; allowed: 1 to 86400 seconds', coalesce(lease_s::text, 'null') USING ERRCODE = 'invalid_parameter_value';
    END IF;
END $$;

-- Publishers that did not come back lose what they had; the try is counted. How many that were.
CREATE OR REPLACE FUNCTION reactor.take_back_publications() RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, reactor, pg_temp AS $$
    WITH lost AS MATERIALIZED (
        SELECT publish_id FROM reactor.mplite_queue
         WHERE status = 'publishing' AND lease_expires_at <= clock_timestamp() FOR UPDATE SKIP LOCKED
    ), back AS (
        UPDATE reactor.mplite_queue AS queued
           SET status = CASE WHEN tries < max_tries THEN 'ready' ELSE 'failed' END,
               error_message = format('%s did not come back from try %s of %s', publisher, tries, max_tries)
          FROM lost WHERE queued.publish_id = lost.publish_id
        RETURNING 1
    )
    SELECT count(*) FROM back
$$;

-- Hold a publication for a verdict: is it there, and may whoever asks decide it? With a token only its own claim, without
-- one (a person) what nobody has just now.
CREATE OR REPLACE FUNCTION reactor.hold_publication(wanted bigint, token uuid, OUT verdict text, OUT outcome text, OUT was reactor.mplite_queue)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, reactor, pg_temp AS $$
BEGIN
    SELECT queued.* INTO was FROM reactor.mplite_queue AS queued WHERE queued.publish_id = wanted FOR UPDATE;
    IF NOT FOUND THEN
        verdict := 'missing';
        outcome := format('there is no publication %s', wanted);
    ELSIF token IS NULL AND was.status = 'publishing' AND was.lease_expires_at > clock_timestamp() THEN
        verdict := 'refused';
        outcome := format('publication %s: %s has it until %s', wanted, quote_literal(was.publisher), date_trunc('second', was.lease_expires_at));
    ELSIF token IS NOT NULL AND was.claim_token IS DISTINCT FROM token THEN
        verdict := 'refused';
        outcome := format('publication %s is %s, and not with this token; the claim is over', wanted, was.status);
    ELSIF was.status = 'published' THEN
        verdict := 'refused';
        outcome := format('publication %s is published already', wanted);
    ELSE
        verdict := 'done';
    END IF;
END $$;

-- Keep what one has for longer.
CREATE OR REPLACE FUNCTION reactor.renew_publication(
    publish_id bigint, token uuid, lease_s double precision DEFAULT 600, OUT verdict text, OUT outcome text
) LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, reactor, pg_temp AS $$
BEGIN
    PERFORM reactor.check_lease(lease_s);
    SELECT held.verdict, held.outcome INTO verdict, outcome
      FROM reactor.hold_publication(publish_id, coalesce(token, gen_random_uuid())) AS held;
    IF verdict = 'done' THEN
        UPDATE reactor.mplite_queue AS queued SET lease_expires_at = clock_timestamp() + make_interval(secs => lease_s)
         WHERE queued.publish_id = renew_publication.publish_id;
        outcome := format('publication %s is yours for %s s more', publish_id, lease_s);
    END IF;
END $$;

-- It is on its platform. The same claim may say so twice, because its answer may have been lost.
CREATE OR REPLACE FUNCTION reactor.mark_published(
    publish_id bigint, token uuid DEFAULT NULL, url text DEFAULT NULL, OUT verdict text, OUT outcome text
) LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, reactor, pg_temp AS $$
DECLARE
    held record;
BEGIN
    SELECT * INTO held FROM reactor.hold_publication(publish_id, token);
    verdict := held.verdict;
    outcome := coalesce(held.outcome, format('publication %s is published', publish_id));
    IF verdict = 'done' THEN
        UPDATE reactor.mplite_queue AS queued SET status = 'published', published_url = coalesce(left(url, 2000), published_url), lease_expires_at = NULL
         WHERE queued.publish_id = mark_published.publish_id;
    ELSIF token = (held.was).claim_token AND (held.was).status = 'published' THEN
        verdict := 'done';
    END IF;
END $$;

-- It did not work: again after a pause while there are tries left, unless it is final.
CREATE OR REPLACE FUNCTION reactor.mark_publish_failed(
    publish_id bigint, error text, token uuid DEFAULT NULL, retry_after_s double precision DEFAULT NULL, final boolean DEFAULT false,
    OUT verdict text, OUT outcome text
) LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, reactor, pg_temp AS $$
DECLARE
    held record;
    again boolean;
    -- One minute, three, nine … an hour; up to a fifth longer, so that not all come at once.
    pause_s double precision;
BEGIN
    IF retry_after_s IS NOT NULL AND NOT retry_after_s BETWEEN 0 AND 604800 THEN
        RAISE EXCEPTION 'retry_after_s: is %; allowed: 0 to 604800 seconds', retry_after_s USING ERRCODE = 'invalid_parameter_value';
    END IF;
    SELECT * INTO held FROM reactor.hold_publication(publish_id, token);
    verdict := held.verdict;
    outcome := held.outcome;
    IF verdict = 'done' THEN
        -- A person who says that it failed means it.
        again := token IS NOT NULL AND NOT coalesce(final, false) AND (held.was).tries < (held.was).max_tries;
        pause_s := coalesce(retry_after_s, least(3600, 60 * 3 ^ least(greatest((held.was).tries - 1, 0), 10)) * (1 + random() / 5));
        UPDATE reactor.mplite_queue AS queued
           SET status = CASE WHEN again THEN 'ready' ELSE 'failed' END, error_message = left(coalesce(error, 'no reason was given'), 4000),
               publish_after = CASE WHEN again THEN clock_timestamp() + make_interval(secs => pause_s) ELSE publish_after END, lease_expires_at = NULL
         WHERE queued.publish_id = mark_publish_failed.publish_id;
        outcome := CASE WHEN again THEN format('publication %s is tried again in %s s', publish_id, round(pause_s))
                        ELSE format('publication %s has failed', publish_id) END;
    END IF;
END $$;

-- Given back without having been tried: the try is not counted.
CREATE OR REPLACE FUNCTION reactor.release_publication(publish_id bigint, token uuid, OUT verdict text, OUT outcome text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, reactor, pg_temp AS $$
BEGIN
    SELECT held.verdict, held.outcome INTO verdict, outcome
      FROM reactor.hold_publication(publish_id, coalesce(token, gen_random_uuid())) AS held;
    IF verdict = 'done' THEN
        UPDATE reactor.mplite_queue AS queued SET status = 'ready', tries = greatest(queued.tries - 1, 0), lease_expires_at = NULL
         WHERE queued.publish_id = release_publication.publish_id;
        outcome := format('publication %s is ready again', publish_id);
    END IF;
END $$;

-- A person lets it be tried again, or although something is against it.
CREATE OR REPLACE FUNCTION reactor.republish(publish_id bigint, OUT verdict text, OUT outcome text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, reactor, pg_temp AS $$
DECLARE
    held record;
BEGIN
    SELECT * INTO held FROM reactor.hold_publication(publish_id, NULL);
    verdict := held.verdict;
    outcome := coalesce(held.outcome, format('publication %s is ready', publish_id));
    IF verdict = 'done' AND (held.was).status IN ('blocked', 'failed') THEN
        UPDATE reactor.mplite_queue AS queued SET status = 'ready' WHERE queued.publish_id = republish.publish_id;
    ELSIF verdict = 'done' THEN
        verdict := 'refused';
        outcome := format('publication %s is %s; only what is blocked or has failed can be made ready', publish_id, (held.was).status);
    END IF;
END $$;

CREATE OR REPLACE TRIGGER reactor_publish_guard BEFORE INSERT OR UPDATE ON reactor.mplite_queue
    FOR EACH ROW EXECUTE FUNCTION reactor.guard_publication();
CREATE OR REPLACE TRIGGER reactor_publish_insert AFTER INSERT ON reactor.mplite_queue
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION reactor.on_publish_insert();
CREATE OR REPLACE TRIGGER reactor_publish_update AFTER UPDATE ON reactor.mplite_queue
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION reactor.on_publish_update();
CREATE OR REPLACE TRIGGER reactor_platform_limits AFTER INSERT OR UPDATE OR DELETE ON reactor.platforms
    FOR EACH ROW EXECUTE FUNCTION reactor.on_platform_limits();

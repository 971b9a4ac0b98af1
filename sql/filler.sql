-- Keeps the queue full: what is made next, for whom, and in which order. Re-applied after every migrate: create or
-- replace only. docs/volume.md says it in words.

-- Only names that exist may be meant by a template; a niche or platform that is removed later is simply not made any more.
CREATE OR REPLACE FUNCTION reactor.guard_template() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, reactor, pg_temp AS $$
DECLARE
    unknown text;
BEGIN
    SELECT name INTO unknown FROM unnest(NEW.niches) AS name
     WHERE name IS NULL OR name NOT IN (SELECT niche FROM reactor.niches) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'template %: niches: ''%'' is not in reactor.niches; allowed: %', NEW.template_id, unknown,
                        reactor.listed(ARRAY(SELECT niche FROM reactor.niches)) USING ERRCODE = 'check_violation';
    END IF;
    SELECT name INTO unknown FROM unnest(NEW.platforms) AS name
     WHERE name IS NULL OR name NOT IN (SELECT platform FROM reactor.platforms) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'template %: platforms: ''%'' is not in reactor.platforms; allowed: %', NEW.template_id, unknown,
                        reactor.listed(ARRAY(SELECT platform FROM reactor.platforms)) USING ERRCODE = 'check_violation';
    END IF;
    -- Filling in goes down as deep as they lie, and one template that is too deep for it would stop them all.
    IF NEW.defaults -> 'params' @? '$.**{50}' THEN
        RAISE EXCEPTION 'template %: defaults: params are nested more than 50 levels deep', NEW.template_id
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE OR REPLACE TRIGGER reactor_templates_guard BEFORE INSERT OR UPDATE OF niches, platforms, defaults ON reactor.templates
    FOR EACH ROW EXECUTE FUNCTION reactor.guard_template();

-- Names as a sentence lists them.
CREATE OR REPLACE FUNCTION reactor.listed(names text[]) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(string_agg(name, ', ' ORDER BY name) FILTER (WHERE place <= 50), 'none, there is none yet')
           || CASE WHEN count(*) > 50 THEN format(' and %s more', count(*) - 50) ELSE '' END
      FROM (SELECT name, row_number() OVER (ORDER BY name) AS place FROM unnest(names) AS name) AS sorted
$$;

-- One at a time makes jobs of the catalogue, and nobody loads a catalogue meanwhile. The lock goes with the transaction.
CREATE OR REPLACE FUNCTION reactor.hold_catalog() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, reactor, pg_temp AS $$
BEGIN
    -- With one snapshot for the whole transaction, what somebody else made in the meantime would not be seen.
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'transaction_isolation: is %; allowed: read committed', current_setting('transaction_isolation')
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    PERFORM pg_advisory_xact_lock(hashtext('reactor:fill'));
END $$;

-- Whether a pending job keeps a place in the queue: a storyboard that nobody has approved does not, nor what is due
-- in a day or later; waits after failures are shorter than that.
CREATE OR REPLACE FUNCTION reactor.is_queued(approved boolean, run_after timestamptz) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE AS $$ SELECT approved IS NOT FALSE AND (run_after IS NULL OR run_after < now() + interval '1 day') $$;

-- How many jobs are in the queue, counted no further than `most`.
CREATE OR REPLACE FUNCTION reactor.count_pending(most integer DEFAULT NULL) RETURNS bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, reactor, pg_temp AS $$
    SELECT count(*)
      FROM (SELECT FROM public.actp_gen_jobs
             WHERE status = 'pending' AND reactor.is_queued(approved, run_after) LIMIT most) AS few
$$;

-- Templates that the catalogue has and that are better not drawn now: those no running render server knows, as far as
-- those say what they know; and for an hour those whose videos failed rather than not, because filling the queue with
-- more of them would go round in a circle. No platform means all of them.
CREATE OR REPLACE FUNCTION reactor.passed_over() RETURNS TABLE (template_id text, platform text, why text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, reactor, pg_temp AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH told AS MATERIALIZED (
        SELECT jsonb_array_elements_text(can -> 'templates') AS template_id
          FROM reactor.living('renderer') AS can WHERE jsonb_typeof(can -> 'templates') = 'array'
    )
    SELECT t.template_id, NULL::text, 'no running renderer offers it'
      FROM reactor.templates AS t
     WHERE t.enabled AND coalesce(t.defaults ->> 'renderer', 'server') = 'server'
       AND EXISTS (SELECT FROM told) AND t.template_id NOT IN (SELECT told.template_id FROM told)
    UNION ALL
    SELECT ended.template_id, ended.platform,
           format('%s failed within an hour', count(*) FILTER (WHERE ended.status = 'failed'))
      FROM ((SELECT job.template_id, job.platform, job.status, job.completed_at, job.metadata FROM public.actp_gen_jobs AS job
              WHERE job.status = 'failed' ORDER BY job.id DESC LIMIT 500)
            UNION ALL
            (SELECT job.template_id, job.platform, job.status, job.completed_at, job.metadata FROM public.actp_gen_jobs AS job
              WHERE job.status = 'complete' AND job.completed_at > now() - interval '1 hour')) AS ended
     WHERE ended.completed_at > now() - interval '1 hour' AND ended.metadata ->> 'made_by' = 'filler'
     GROUP BY ended.template_id, ended.platform
    HAVING count(*) FILTER (WHERE ended.status = 'failed') >= greatest(3, 1 + count(*) FILTER (WHERE ended.status = 'complete'));
END $$;

-- What to make next, the most wanted first. Each job goes to the platform that lacks most today (ties: engagement, name),
-- within it to the niche whose share is least served (performance / (made in seven days + 1), D'Hondt's rule: with a few videos a
-- day a small share comes up only in a week; ties: made least so far), within that to the template made least. As no choice is made twice while it is pending, each of the three
-- orders is known beforehand: a platform's first, second, third turn lower its lack by one each, and so on. Where several
-- are equal they take turns, so that not every platform gets the same niche first.
CREATE OR REPLACE FUNCTION reactor.choose_jobs(wanted integer) RETURNS TABLE (place bigint, platform text, niche text, template_id text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, reactor, pg_temp SET jit = off AS $$
#variable_conflict use_column
DECLARE
    begins timestamptz := reactor.day_begins(reactor.today());
BEGIN
    RETURN QUERY
    WITH made AS MATERIALIZED (
        SELECT job.platform, job.niche, job.template_id, count(*)::integer AS jobs,
               (count(*) FILTER (WHERE job.completed_at >= begins))::integer AS today
          FROM public.actp_gen_jobs AS job
         WHERE job.status = 'complete' AND job.completed_at >= begins - interval '6 days' GROUP BY 1, 2, 3
        UNION ALL
        SELECT job.platform, job.niche, job.template_id, count(*)::integer, count(*)::integer
          FROM public.actp_gen_jobs AS job
         WHERE job.platform IS NOT NULL AND job.status IN ('pending', 'processing')
           AND (job.status = 'processing' OR reactor.is_queued(job.approved, job.run_after)) GROUP BY 1, 2, 3
    ), waiting AS MATERIALIZED (
        SELECT DISTINCT job.platform, job.niche, job.template_id FROM public.actp_gen_jobs AS job
         WHERE job.platform IS NOT NULL AND job.status = 'pending'
    ), held AS MATERIALIZED (
        SELECT held.template_id, held.platform FROM reactor.passed_over() AS held
    ), by_platform AS (
        SELECT p.platform, p.engagement, p.daily_target - coalesce(so_far.today, 0) AS lack, p.daily_most - coalesce(so_far.today, 0) AS room,
               row_number() OVER (ORDER BY p.platform) AS number
          FROM reactor.platforms AS p
          LEFT JOIN (SELECT made.platform, sum(made.today) AS today FROM made GROUP BY 1) AS so_far USING (platform)
         WHERE p.enabled
    ), by_niche AS (
        SELECT n.niche, n.performance, n.made, row_number() OVER (ORDER BY n.niche) AS number, count(*) OVER () AS many
          FROM reactor.niches AS n WHERE n.enabled
    ), by_template AS (
        SELECT t.template_id, t.niches, t.platforms, coalesce(so_far.jobs, 0) AS jobs,
               row_number() OVER (ORDER BY t.template_id) AS number, count(*) OVER () AS many
          FROM reactor.templates AS t
          LEFT JOIN (SELECT made.template_id, sum(made.jobs) AS jobs FROM made GROUP BY 1) AS so_far USING (template_id)
         WHERE t.enabled
    ), possible AS (
        SELECT p.platform, p.engagement, p.lack, p.room, n.niche, n.performance, n.made, t.template_id,
               (n.number + p.number) % n.many AS rotation,
               row_number() OVER (PARTITION BY p.platform, n.niche
                                  ORDER BY coalesce(so_far.jobs, 0), t.jobs, (t.number + n.number + p.number) % t.many, t.template_id) AS turn
          FROM by_platform AS p
         CROSS JOIN by_niche AS n
          JOIN by_template AS t ON (t.niches IS NULL OR n.niche = ANY (t.niches)) AND (t.platforms IS NULL OR p.platform = ANY (t.platforms))
          LEFT JOIN (SELECT made.platform, made.niche, made.template_id, sum(made.jobs) AS jobs FROM made GROUP BY 1, 2, 3) AS so_far
            ON (so_far.platform, so_far.niche, so_far.template_id) = (p.platform, n.niche, t.template_id)
         WHERE (p.room IS NULL OR p.room > 0)
           AND NOT EXISTS (SELECT FROM waiting AS w WHERE (w.platform, w.niche, w.template_id) = (p.platform, n.niche, t.template_id))
           AND NOT EXISTS (SELECT FROM held WHERE held.template_id = t.template_id AND (held.platform IS NULL OR held.platform = p.platform))
    ), shared AS (
        SELECT it.*, row_number() OVER (PARTITION BY it.platform
                                        ORDER BY it.performance / (coalesce(so_far.jobs, 0) + it.turn) DESC, coalesce(so_far.jobs, 0) + it.turn,
                                                 it.made, it.rotation, it.niche) AS its_turn
          FROM possible AS it
          LEFT JOIN (SELECT made.platform, made.niche, sum(made.jobs) AS jobs FROM made GROUP BY 1, 2) AS so_far USING (platform, niche)
    )
    SELECT row_number() OVER (ORDER BY shared.lack - shared.its_turn DESC, shared.engagement DESC, shared.platform),
           shared.platform, shared.niche, shared.template_id
      FROM shared
     WHERE shared.room IS NULL OR shared.its_turn <= shared.room
     ORDER BY 1
     LIMIT wanted;
END $$;

-- All texts of a JSON value filled in, however deep they lie.
CREATE OR REPLACE FUNCTION reactor.fill_in_all(said jsonb, niche text, platform text, n text, day date) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, reactor, pg_temp AS $$
BEGIN
    RETURN CASE jsonb_typeof(said)
        WHEN 'string' THEN to_jsonb(reactor.fill_in(said #>> '{}', niche, platform, n, day))
        WHEN 'array' THEN (SELECT coalesce(jsonb_agg(reactor.fill_in_all(part, niche, platform, n, day) ORDER BY place), '[]')
                             FROM jsonb_array_elements(said) WITH ORDINALITY AS parts (part, place))
        WHEN 'object' THEN (SELECT coalesce(jsonb_object_agg(key, reactor.fill_in_all(value, niche, platform, n, day)), '{}')
                              FROM jsonb_each(said))
        ELSE said END;
END $$;

CREATE OR REPLACE FUNCTION reactor.priority_of(performance double precision, engagement double precision) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT least(1000000, round(performance * engagement * 100))::integer $$;

-- Jobs of the catalogue, in one insert, numbered within their niche: no two of its videos have the same title.
CREATE OR REPLACE FUNCTION reactor.make_jobs(platforms text[], niches text[], templates text[]) RETURNS bigint[]
LANGUAGE sql SET search_path = pg_catalog, reactor, pg_temp AS $$
    WITH asked AS (
        SELECT * FROM unnest(platforms, niches, templates) WITH ORDINALITY AS one (platform, niche, template_id, place)
    ), numbered AS (
        UPDATE reactor.niches AS n SET made = n.made + more.jobs
          FROM (SELECT niche, count(*) AS jobs FROM asked GROUP BY niche) AS more
         WHERE n.niche = more.niche
        RETURNING n.niche, n.performance, n.made - more.jobs AS before
    ), written AS (
        SELECT asked.*, numbered.performance, numbered.before + row_number() OVER (PARTITION BY asked.niche ORDER BY asked.place) AS n
          FROM asked JOIN numbered USING (niche)
    ), born AS (
        INSERT INTO public.actp_gen_jobs (niche, platform, template_id, renderer, format, quality, container, max_attempts, params,
                                          metadata, priority)
        SELECT niche, platform, template_id, coalesce(defaults ->> 'renderer', 'server'), coalesce(defaults ->> 'format', p.format),
               coalesce(defaults ->> 'quality', '1080p'), coalesce(defaults ->> 'container', 'mp4'),
               coalesce((defaults ->> 'max_attempts')::integer, 3),
               reactor.fill_in_all(coalesce(defaults -> 'params', '{}'), reactor.niche_title(niche), platform, n::text, reactor.today()),
               jsonb_build_object('made_by', 'filler', 'n', n), reactor.priority_of(performance, engagement)
          FROM written JOIN reactor.platforms AS p USING (platform) JOIN reactor.templates AS t USING (template_id)
         ORDER BY place
        RETURNING id::bigint AS id
    )
    SELECT coalesce(array_agg(id ORDER BY id), '{}') FROM born
$$;

-- Why there is nothing more to make.
CREATE OR REPLACE FUNCTION reactor.explain_shortage() RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, reactor, pg_temp AS $$
DECLARE
    held text := (SELECT string_agg(format('%s%s (%s)', held.template_id, ' for ' || held.platform, held.why), ', '
                                      ORDER BY held.template_id, held.platform)
                    FROM reactor.passed_over() AS held);
    missing text := array_to_string(ARRAY[
        CASE WHEN NOT EXISTS (SELECT FROM reactor.niches WHERE enabled) THEN 'niche' END,
        CASE WHEN NOT EXISTS (SELECT FROM reactor.platforms WHERE enabled) THEN 'platform' END,
        CASE WHEN NOT EXISTS (SELECT FROM reactor.templates WHERE enabled) THEN 'template' END], ', no ');
BEGIN
    IF missing <> '' THEN
        RETURN format('the catalogue has no %s that is enabled', missing);
    END IF;
    RETURN 'whatever else the catalogue has is pending already, or its platform has its daily_most'
           || coalesce('; passed over: ' || held, '');
END $$;

-- Make jobs until `target` are pending, and never more. `short` says why that was not possible. Who is named in `given_by`
-- has asked for it, and that is written down.
CREATE OR REPLACE FUNCTION reactor.fill_queue(
    target integer, given_by text DEFAULT NULL, OUT ids bigint[], OUT short text, OUT outcome text
) LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, reactor, pg_temp AS $$
DECLARE
    queued integer;
    chosen record;
BEGIN
    IF target IS NULL OR target NOT BETWEEN 1 AND 10000 THEN
        RAISE EXCEPTION 'target: is %; allowed: 1 to 10000', coalesce(target::text, 'null') USING ERRCODE = 'invalid_parameter_value';
    END IF;
    PERFORM reactor.hold_catalog();
    -- A statement of its own, so that it sees what the one who held the lock before has made.
    queued := reactor.count_pending(target);
    ids := '{}';
    IF queued < target THEN
        -- The reason comes of the same look at the catalogue as the choice.
        SELECT array_agg(platform ORDER BY place) AS platforms, array_agg(niche ORDER BY place) AS niches,
               array_agg(template_id ORDER BY place) AS templates,
               CASE WHEN count(*) < target - queued THEN reactor.explain_shortage() END AS short
          INTO chosen FROM reactor.choose_jobs(target - queued);
        ids := reactor.make_jobs(chosen.platforms, chosen.niches, chosen.templates);
        short := chosen.short;
    END IF;
    outcome := format('made %s; %s of %s are pending', CASE cardinality(ids) WHEN 1 THEN 'one job' ELSE cardinality(ids) || ' jobs' END,
                      queued + cardinality(ids), target)
               || coalesce(': ' || short, '');
    IF given_by IS NOT NULL THEN
        INSERT INTO reactor.commands (verb, given_by, outcome) VALUES ('fill', fill_queue.given_by, fill_queue.outcome);
    END IF;
END $$;
CREATE OR REPLACE FUNCTION reactor.fill(target integer DEFAULT 15) RETURNS text LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, reactor, pg_temp AS $$ SELECT outcome FROM reactor.fill_queue(target, session_user::text) $$;

-- One job of the catalogue; without a template the one that was made least today. Also when one of its kind is pending:
-- whoever asks for it by name wants it.
CREATE OR REPLACE FUNCTION reactor.create_job(niche text, platform text, template_id text DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, reactor, pg_temp AS $$
#variable_conflict use_column
DECLARE
    begins timestamptz := reactor.day_begins(reactor.today());
    allowed text[];
    said text;
BEGIN
    PERFORM reactor.hold_catalog();
    allowed := ARRAY(SELECT niche FROM reactor.niches WHERE enabled);
    IF create_job.niche = ANY (allowed) IS NOT TRUE THEN
        said := format('niche: %s is not in the catalogue or not enabled', coalesce(quote_literal(create_job.niche), 'null'));
    ELSE
        allowed := ARRAY(SELECT platform FROM reactor.platforms WHERE enabled);
        IF create_job.platform = ANY (allowed) IS NOT TRUE THEN
            said := format('platform: %s is not in the catalogue or not enabled', coalesce(quote_literal(create_job.platform), 'null'));
        ELSE
            allowed := ARRAY(
                SELECT t.template_id FROM reactor.templates AS t
                 WHERE t.enabled AND (t.niches IS NULL OR create_job.niche = ANY (t.niches))
                   AND (t.platforms IS NULL OR create_job.platform = ANY (t.platforms))
                   AND NOT EXISTS (SELECT FROM reactor.passed_over() AS held WHERE held.template_id = t.template_id AND held.platform IS NULL)
                 ORDER BY EXISTS (SELECT FROM public.actp_gen_jobs AS job WHERE job.status = 'pending'
                                     AND (job.platform, job.niche, job.template_id) = (create_job.platform, create_job.niche, t.template_id)),
                          (SELECT count(*) FROM public.actp_gen_jobs AS job WHERE job.status = 'complete' AND job.completed_at >= begins
                              AND (job.platform, job.niche, job.template_id) = (create_job.platform, create_job.niche, t.template_id)),
                          t.template_id);
            create_job.template_id := coalesce(create_job.template_id, allowed[1]);
            IF create_job.template_id = ANY (allowed) IS NOT TRUE THEN
                said := format('template_id: %s is none of this niche and platform that is enabled and can be drawn now',
                               coalesce(quote_literal(create_job.template_id), 'null'));
            END IF;
        END IF;
    END IF;
    IF said IS NOT NULL THEN
        RAISE EXCEPTION '%; allowed: %', said, reactor.listed(allowed) USING ERRCODE = 'invalid_parameter_value';
    END IF;
    RETURN (reactor.make_jobs(ARRAY[create_job.platform], ARRAY[create_job.niche], ARRAY[create_job.template_id]))[1];
END $$;

-- Pending jobs of the catalogue get the priority that their niche and platform have now.
CREATE OR REPLACE FUNCTION reactor.prioritize_jobs(given_by text DEFAULT NULL, OUT jobs integer, OUT outcome text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, reactor, pg_temp AS $$
BEGIN
    WITH other AS (
        SELECT job.id, reactor.priority_of(n.performance, p.engagement) AS priority
          FROM public.actp_gen_jobs AS job JOIN reactor.niches AS n USING (niche) JOIN reactor.platforms AS p USING (platform)
         WHERE job.status = 'pending' AND job.priority IS DISTINCT FROM reactor.priority_of(n.performance, p.engagement)
         ORDER BY job.id
           FOR UPDATE OF job
    )
    UPDATE public.actp_gen_jobs AS job SET priority = other.priority FROM other WHERE job.id = other.id AND job.status = 'pending';
    GET DIAGNOSTICS jobs = ROW_COUNT;
    outcome := CASE jobs WHEN 1 THEN 'one pending job has another priority' ELSE format('%s pending jobs have another priority', jobs) END;
    IF given_by IS NOT NULL THEN
        INSERT INTO reactor.commands (verb, given_by, outcome) VALUES ('prioritize', prioritize_jobs.given_by, prioritize_jobs.outcome);
    END IF;
END $$;
CREATE OR REPLACE FUNCTION reactor.prioritize() RETURNS text LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, reactor, pg_temp AS $$ SELECT outcome FROM reactor.prioritize_jobs(session_user::text) $$;

-- End attempts that began longer ago than that: those of workers without a lease, which nobody else would take back; and
-- those that are still renewed although they should have ended themselves, after a wait for a free renderer and a render
-- that each lasted as long as they may.
CREATE OR REPLACE FUNCTION reactor.flush_stale_jobs(
    max_age_hours double precision, longest_render_s double precision, given_by text DEFAULT NULL, OUT ids bigint[], OUT outcome text
) LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, reactor, pg_temp AS $$
DECLARE
    before timestamptz;
BEGIN
    IF max_age_hours IS NULL OR NOT (max_age_hours > 0 AND max_age_hours <= 87600) THEN
        RAISE EXCEPTION 'max_age_hours: is %; allowed: more than 0, to 87600', coalesce(max_age_hours::text, 'null')
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    before := clock_timestamp() - make_interval(secs => max_age_hours * 3600);
    WITH stale AS (
        SELECT job.id, job.attempt, job.renderer, job.claimed_by,
               coalesce(job.retry_count, 0) + 1 < coalesce(job.max_attempts, 3) AS again
          FROM public.actp_gen_jobs AS job
          LEFT JOIN reactor.attempts AS a ON a.job_id = job.id AND a.attempt = job.attempt
         WHERE job.status = 'processing' AND (job.stage IN ('claimed', 'rendering') OR job.stage IS NULL)
           AND CASE
               WHEN job.lease_expires_at >= clock_timestamp() THEN
                   a.started_at < least(before, clock_timestamp() - make_interval(secs => longest_render_s + least(job.timeout_s, longest_render_s)))
               WHEN job.lease_expires_at IS NOT NULL THEN coalesce(a.started_at, job.lease_expires_at) < before
               -- A worker of its own may not say when it began; an earlier attempt's time is none.
               WHEN job.render_started_at IS NOT NULL AND NOT EXISTS (
                   SELECT FROM reactor.attempts AS earlier WHERE earlier.job_id = job.id AND earlier.ended_at >= job.render_started_at)
                   THEN job.render_started_at < before
               ELSE job.created_at < before AND NOT EXISTS (
                   SELECT FROM reactor.events AS said WHERE said.event = 'job.processing' AND said.at >= before AND job.id = ANY (said.job_ids)) END
         ORDER BY job.id
           FOR UPDATE OF job SKIP LOCKED
    ), ended AS (
        UPDATE public.actp_gen_jobs AS job
           SET status = CASE WHEN again THEN 'pending' ELSE 'failed' END, stage = NULL, progress = 0, run_after = now(),
               retry_count = coalesce(job.retry_count, 0) + 1, output_path = NULL,
               claim_token = NULL, claimed_by = NULL, lease_expires_at = NULL,
               completed_at = CASE WHEN NOT again THEN clock_timestamp() END,
               render_completed_at = CASE WHEN NOT again THEN clock_timestamp() END,
               error_class = 'stall', error_message = format('not finished after %s h', max_age_hours)
          FROM stale WHERE job.id = stale.id
        RETURNING job.id
    ), recorded AS (
        INSERT INTO reactor.attempts (job_id, attempt, renderer, reactor_id, ended_at, outcome, error_class, error_message, will_retry)
        SELECT id, coalesce(attempt, 0), renderer, claimed_by, clock_timestamp(), 'failed', 'stall',
               format('not finished after %s h', max_age_hours), again
          FROM stale
        ON CONFLICT (job_id, attempt) DO UPDATE
           SET ended_at = excluded.ended_at, outcome = excluded.outcome, error_class = excluded.error_class,
               error_message = excluded.error_message, will_retry = excluded.will_retry
    ), cleared AS (
        DELETE FROM reactor.progress USING stale WHERE job_id = stale.id
    )
    SELECT coalesce(array_agg(id::bigint ORDER BY id), '{}') INTO ids FROM ended;
    outcome := CASE cardinality(ids) WHEN 0 THEN format('no job has been in work for more than %s h', max_age_hours)
                    ELSE format('taken back after more than %s h: %s', max_age_hours, array_to_string(ids[:20], ', '))
                         || CASE WHEN cardinality(ids) > 20 THEN format(' and %s more', cardinality(ids) - 20) ELSE '' END END;
    IF given_by IS NOT NULL THEN
        INSERT INTO reactor.commands (verb, given_by, outcome) VALUES ('flush_stale', flush_stale_jobs.given_by, flush_stale_jobs.outcome);
    END IF;
END $$;
-- From psql nobody says how long the farm lets a render take: as long as any setting may allow, which is a week.
CREATE OR REPLACE FUNCTION reactor.flush_stale(max_age_hours double precision DEFAULT 24) RETURNS text LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, reactor, pg_temp AS $$
    SELECT outcome FROM reactor.flush_stale_jobs(max_age_hours, 604800, session_user::text)
$$;

-- The handover to publishing: what is put into reactor.mplite_queue, and what publishers do with it. Re-applied after
-- every migrate: create or replace only.

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

-- Cut to what a platform allows, with an ellipsis.
CREATE OR REPLACE FUNCTION reactor.fit(said text, most integer) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN length(said) > most THEN rtrim(left(said, greatest(most - 1, 0))) || '…' ELSE said END
$$;

-- All a publisher needs to know of a complete job; null when there is no such job. What producers wrote into params
-- (title, description, hashtags) comes first, then the template's and the niche's own.
CREATE OR REPLACE FUNCTION reactor.build_publish_payload(job_id bigint) RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, reactor, pg_temp AS $$
    SELECT jsonb_build_object(
        'job_id', job.id, 'platform', job.platform, 'niche', job.niche, 'template_id', job.template_id, 'format', job.format,
        'title', reactor.fit(said.title, platform.max_title), 'description', reactor.fit(said.description, platform.max_description),
        'hashtags', (SELECT coalesce(jsonb_agg(tag ORDER BY place), '[]')
                       FROM (SELECT tag, min(place) AS place
                               FROM unnest(said.hashtags) WITH ORDINALITY AS tags (tag, place)
                              WHERE tag ~ '\S' GROUP BY tag ORDER BY 2 LIMIT platform.max_hashtags) AS few),
        'file', job.output_path, 'thumbnail', job.thumbnail_path, 'duration_s', job.duration_s, 'width', job.width,
        'height', job.height, 'fps', job.fps, 'file_size_bytes', job.file_size_bytes, 'sha256', job.sha256,
        'completed_at', job.completed_at)
      FROM public.actp_gen_jobs AS job
      LEFT JOIN reactor.platforms AS platform ON platform.platform = job.platform
      LEFT JOIN reactor.niches AS niche ON niche.niche = job.niche
      LEFT JOIN reactor.templates AS template ON template.template_id = job.template_id
     CROSS JOIN LATERAL (
        SELECT coalesce(nullif(job.params ->> 'title', ''), job.audio_name, reactor.niche_title(job.niche), job.template_id, '') AS title,
               coalesce(nullif(job.params ->> 'description', ''),
                        reactor.fill_in(template.defaults ->> 'description', reactor.niche_title(job.niche), job.platform,
                                        job.metadata ->> 'n', job.created_at::date),
                        nullif(job.params ->> 'subtitle', ''), '') AS description,
               ARRAY(SELECT ltrim(tag, '#') FROM jsonb_array_elements_text(
                       CASE jsonb_typeof(job.params -> 'hashtags') WHEN 'array' THEN job.params -> 'hashtags'
                                                                   WHEN 'string' THEN jsonb_build_array(job.params -> 'hashtags') ELSE '[]' END) AS tag)
               || ARRAY(SELECT ltrim(tag, '#') FROM jsonb_array_elements_text(coalesce(template.defaults -> 'hashtags', '[]')) AS tag)
               || coalesce(niche.hashtags, '{}') AS hashtags) AS said
     WHERE job.id = build_publish_payload.job_id
$$;

-- What a platform would not take, a sentence each; none of a platform that has no row.
CREATE OR REPLACE FUNCTION reactor.publish_problems(payload jsonb) RETURNS text[]
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, reactor, pg_temp AS $$
    SELECT coalesce((
        SELECT array_remove(ARRAY[
            CASE WHEN it.duration_s > max_duration_s
                 THEN format('%s s long; %s takes at most %s s', round(it.duration_s::numeric, 1), platform, max_duration_s) END,
            CASE WHEN it.duration_s < min_duration_s
                 THEN format('%s s long; %s takes at least %s s', round(it.duration_s::numeric, 1), platform, min_duration_s) END,
            CASE WHEN NOT it.aspect = ANY (aspects)
                 THEN format('%sx%s is %s; %s takes %s', it.width, it.height, it.aspect, platform, array_to_string(aspects, ', ')) END,
            CASE WHEN NOT it.container = ANY (containers)
                 THEN format('a %s file; %s takes %s', it.container, platform, array_to_string(containers, ', ')) END,
            CASE WHEN it.bytes > max_bytes
                 THEN format('%s bytes; %s takes at most %s', it.bytes, platform, max_bytes) END], NULL)
          FROM reactor.platforms
         CROSS JOIN (
            SELECT (payload ->> 'duration_s')::float8 AS duration_s, (payload ->> 'file_size_bytes')::bigint AS bytes,
                   (payload ->> 'width')::integer AS width, (payload ->> 'height')::integer AS height,
                   lower(substring(payload ->> 'file' FROM '\.([^./]+)$')) AS container,
                   CASE WHEN abs((payload ->> 'width')::float8 / (payload ->> 'height')::float8 * 9 / 16 - 1) < 0.02 THEN '16:9'
                        WHEN abs((payload ->> 'width')::float8 / (payload ->> 'height')::float8 * 16 / 9 - 1) < 0.02 THEN '9:16'
                        WHEN abs((payload ->> 'width')::float8 / (payload ->> 'height')::float8 - 1) < 0.02 THEN '1:1'
                        ELSE (payload ->> 'width') || ':' || (payload ->> 'height') END AS aspect) AS it
         WHERE platform = payload ->> 'platform'), '{}')
$$;

-- Put completed jobs into the publish queue; called in the transaction that completes them.
CREATE OR REPLACE FUNCTION reactor.move_to_publish_queue(ids bigint[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, reactor, pg_temp AS $$
DECLARE
    ready bigint[];
    blocked bigint[];
BEGIN
    WITH queued AS (
        INSERT INTO reactor.mplite_queue (job_id, platform, niche, priority, payload, problems, status)
        SELECT job.id, job.platform, job.niche, coalesce(job.priority, 0), payload, problems,
               CASE WHEN problems = '{}' THEN 'ready' ELSE 'blocked' END
          FROM public.actp_gen_jobs AS job
         CROSS JOIN LATERAL (SELECT reactor.build_publish_payload(job.id) AS payload OFFSET 0) AS built
         CROSS JOIN LATERAL (SELECT reactor.publish_problems(payload) AS problems OFFSET 0) AS judged
         WHERE job.id = ANY (ids)
        ON CONFLICT (job_id) DO NOTHING
        RETURNING job_id, status
    )
    SELECT array_agg(job_id) FILTER (WHERE status = 'ready'), array_agg(job_id) FILTER (WHERE status = 'blocked')
      INTO ready, blocked FROM queued;
    PERFORM reactor.announce('publish.ready', ready);
    PERFORM reactor.announce('publish.blocked', blocked);
    IF ready IS NOT NULL THEN
        -- Publishers listen here; what there is to do they read from the queue.
        PERFORM pg_notify('reactor_publish', json_build_object('event', 'publish.ready', 'count', cardinality(ready))::text);
    END IF;
END $$;

-- name: hold_catalog
-- Nobody fills the queue while the catalogue is loaded.
SELECT reactor.hold_catalog();

-- name: read_niches
-- All niches.
SELECT to_jsonb(n) FROM reactor.niches AS n ORDER BY niche;

-- name: read_platforms
-- All platforms.
SELECT to_jsonb(p) FROM reactor.platforms AS p ORDER BY platform;

-- name: read_templates
-- All templates.
SELECT to_jsonb(t) FROM reactor.templates AS t ORDER BY template_id;

-- name: add_niches
-- Those that are new, with every default.
INSERT INTO reactor.niches (niche)
SELECT said ->> 'niche' FROM jsonb_array_elements(%(rows)s::jsonb) AS said
ON CONFLICT DO NOTHING
RETURNING niche;

-- name: add_platforms
-- Those that are new, with every default.
INSERT INTO reactor.platforms (platform)
SELECT said ->> 'platform' FROM jsonb_array_elements(%(rows)s::jsonb) AS said
ON CONFLICT DO NOTHING
RETURNING platform;

-- name: add_templates
-- Those that are new, with every default.
INSERT INTO reactor.templates (template_id)
SELECT said ->> 'template_id' FROM jsonb_array_elements(%(rows)s::jsonb) AS said
ON CONFLICT DO NOTHING
RETURNING template_id;

-- name: change_niches
-- What is said of them; what is not said stays. Only rows that become other ones are written.
WITH wanted AS (
    SELECT filled.*
      FROM jsonb_array_elements(%(rows)s::jsonb) AS said
      JOIN reactor.niches AS was ON was.niche = said ->> 'niche'
     CROSS JOIN LATERAL jsonb_populate_record(was, said) AS filled
)
UPDATE reactor.niches AS n
   SET title = wanted.title, performance = wanted.performance, hashtags = wanted.hashtags, enabled = wanted.enabled
  FROM wanted
 WHERE n.niche = wanted.niche
   AND (n.title, n.performance, n.hashtags, n.enabled)
       IS DISTINCT FROM (wanted.title, wanted.performance, wanted.hashtags, wanted.enabled)
RETURNING n.niche;

-- name: change_platforms
-- What is said of them; what is not said stays. Only rows that become other ones are written.
WITH wanted AS (
    SELECT filled.*
      FROM jsonb_array_elements(%(rows)s::jsonb) AS said
      JOIN reactor.platforms AS was ON was.platform = said ->> 'platform'
     CROSS JOIN LATERAL jsonb_populate_record(was, said) AS filled
)
UPDATE reactor.platforms AS p
   SET engagement = wanted.engagement, enabled = wanted.enabled, format = wanted.format,
       daily_least = wanted.daily_least, daily_target = wanted.daily_target, daily_most = wanted.daily_most,
       min_duration_s = wanted.min_duration_s, max_duration_s = wanted.max_duration_s,
       aspects = wanted.aspects, containers = wanted.containers, max_bytes = wanted.max_bytes,
       max_title = wanted.max_title, max_description = wanted.max_description, max_hashtags = wanted.max_hashtags
  FROM wanted
 WHERE p.platform = wanted.platform AND to_jsonb(p) IS DISTINCT FROM to_jsonb(wanted)
RETURNING p.platform;

-- name: change_templates
-- What is said of them; what is not said stays. Only rows that become other ones are written.
WITH wanted AS (
    SELECT filled.*
      FROM jsonb_array_elements(%(rows)s::jsonb) AS said
      JOIN reactor.templates AS was ON was.template_id = said ->> 'template_id'
     CROSS JOIN LATERAL jsonb_populate_record(was, said) AS filled
)
UPDATE reactor.templates AS t
   SET niches = wanted.niches, platforms = wanted.platforms, enabled = wanted.enabled, defaults = wanted.defaults
  FROM wanted
 WHERE t.template_id = wanted.template_id
   AND (t.niches, t.platforms, t.enabled, t.defaults)
       IS DISTINCT FROM (wanted.niches, wanted.platforms, wanted.enabled, wanted.defaults)
RETURNING t.template_id;

-- The volume engine: what to make for whom, how much of it a day, and the handover to publishing.

-- In the order in which whoever works takes them, so that neither stops the other for good.
LOCK TABLE reactor.control IN ACCESS EXCLUSIVE MODE;
LOCK TABLE public.actp_gen_jobs IN SHARE MODE;

-- Where a day begins, and how many renders it should have; no target is no alarm.
ALTER TABLE reactor.control
    ADD COLUMN time_zone text NOT NULL DEFAULT 'UTC',
    ADD COLUMN target_per_day integer CHECK (target_per_day > 0);

-- `performance` decides how large a niche's share of the videos is; `made` numbers them.
CREATE TABLE reactor.niches (
    niche text PRIMARY KEY CHECK (niche ~ '\S' AND length(niche) <= 200),
    title text CHECK (title ~ '\S' AND length(title) <= 200),
    performance double precision NOT NULL DEFAULT 1 CHECK (performance >= 0 AND performance <= 1000),
    hashtags text[] NOT NULL DEFAULT '{}',
    enabled boolean NOT NULL DEFAULT true,
    made bigint NOT NULL DEFAULT 0
);

-- How much a platform is worth, how many videos a day it should get, and what it accepts. No limit is null.
CREATE TABLE reactor.platforms (
    platform text PRIMARY KEY CHECK (platform ~ '\S' AND length(platform) <= 200),
    engagement double precision NOT NULL DEFAULT 1 CHECK (engagement >= 0 AND engagement <= 1000),
    enabled boolean NOT NULL DEFAULT true,
    format text NOT NULL DEFAULT 'full_16_9' CHECK (format IN ('full_16_9', 'short_9_16', 'clip_1_1', 'thumbnail')),
    daily_least integer NOT NULL DEFAULT 2 CHECK (daily_least >= 0),
    daily_target integer NOT NULL DEFAULT 3 CHECK (daily_target >= daily_least),
    daily_most integer CHECK (daily_most >= daily_target),
    min_duration_s double precision CHECK (min_duration_s >= 0),
    max_duration_s double precision CHECK (max_duration_s > coalesce(min_duration_s, 0)),
    aspects text[] CHECK (aspects <@ '{16:9,9:16,1:1}'),
    containers text[] CHECK (containers <@ '{mp4,webm,gif,jpg}'),
    max_bytes bigint CHECK (max_bytes > 0),
    max_title integer CHECK (max_title > 0),
    max_description integer CHECK (max_description > 0),
    max_hashtags integer CHECK (max_hashtags >= 0)
);

-- What is drawn: for which niches and platforms (null: for all), and what its jobs say unless told otherwise. In the texts of
-- `params`, and in `description`, {niche}, {platform}, {n} and {date} are filled in.
CREATE TABLE reactor.templates (
    template_id text PRIMARY KEY CHECK (template_id ~ '\S' AND length(template_id) <= 200),
    niches text[] CHECK (cardinality(niches) > 0),
    platforms text[] CHECK (cardinality(platforms) > 0),
    enabled boolean NOT NULL DEFAULT true,
    defaults jsonb NOT NULL DEFAULT '{}' CHECK (
        jsonb_typeof(defaults) = 'object'
        AND defaults - '{params,renderer,format,quality,container,description,hashtags,max_attempts}'::text[] = '{}'
        AND coalesce(jsonb_typeof(defaults -> 'params'), 'object') = 'object'
        AND coalesce(jsonb_typeof(defaults -> 'renderer'), 'string') = 'string'
        AND coalesce(defaults ->> 'format', 'full_16_9') IN ('full_16_9', 'short_9_16', 'clip_1_1', 'thumbnail')
        AND coalesce(defaults ->> 'quality', '1080p') IN ('360p', '720p', '1080p', '4k')
        AND coalesce(defaults ->> 'container', 'mp4') IN ('mp4', 'webm', 'gif')
        AND coalesce(jsonb_typeof(defaults -> 'description'), 'string') = 'string'
        AND coalesce(jsonb_typeof(defaults -> 'hashtags'), 'array') = 'array'
        AND coalesce(defaults ->> 'max_attempts', '3') ~ '^([1-9][0-9]?|100)$')
);

-- The starting set: the niches and platforms of the first brief, on the template that needs no material. `daily_most` keeps
-- a farm that nobody looks after from rendering day and night.
-- The platforms' limits are a start: they change theirs, so look them up and correct the rows; a release never does.
INSERT INTO reactor.niches (niche, title, hashtags) VALUES
    ('solopreneur', 'Solopreneur', '{solopreneur,onepersonbusiness}'),
    ('content_creation', 'Content creation', '{contentcreation,creator}'),
    ('email_marketing', 'Email marketing', '{emailmarketing,newsletter}'),
    ('ai_automation', 'AI automation', '{aiautomation,ai}');
INSERT INTO reactor.platforms (platform, format, daily_target, daily_most, min_duration_s, max_duration_s, aspects, containers, max_bytes,
                               max_title, max_description, max_hashtags) VALUES
    ('youtube', 'full_16_9', 3, 20, 1, 43200, NULL, '{mp4,webm}', 256000000000, 100, 5000, 15),
    ('tiktok', 'short_9_16', 3, 20, 3, 600, '{9:16}', '{mp4,webm}', 4000000000, 2200, 2200, 30),
    ('threads', 'clip_1_1', 3, 20, 1, 300, NULL, '{mp4}', 1000000000, 500, 500, 1),
    ('instagram', 'short_9_16', 3, 20, 3, 900, '{9:16}', '{mp4}', 300000000, 2200, 2200, 30),
    ('x', 'full_16_9', 3, 20, 1, 140, NULL, '{mp4}', 512000000, 280, 280, 2);
INSERT INTO reactor.templates (template_id, defaults) VALUES
    ('title-card', '{"params": {"title": "{niche}, part {n}", "subtitle": "Made for {platform} on {date}", "duration_s": 6},
                     "description": "{niche}, part {n}."}');

-- Videos on their way to a platform, one row for each that has one. `payload` is all a publisher needs.
CREATE TABLE reactor.mplite_queue (
    publish_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    job_id bigint NOT NULL UNIQUE,
    platform text NOT NULL,
    niche text,
    priority integer NOT NULL DEFAULT 0,
    payload jsonb NOT NULL,
    problems text[] NOT NULL DEFAULT '{}',
    status text NOT NULL DEFAULT 'ready' CHECK (status IN ('ready', 'blocked', 'publishing', 'published', 'failed')),
    tries integer NOT NULL DEFAULT 0,
    max_tries integer NOT NULL DEFAULT 5 CHECK (max_tries > 0),
    publish_after timestamptz NOT NULL DEFAULT now(),
    publisher text,
    claim_token uuid,
    lease_expires_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    published_at timestamptz,
    published_url text,
    -- Where the file is meant to go, written before it is moved, and nobody else's.
    archive_path text UNIQUE,
    archived_at timestamptz,
    error_message text
);
-- What a publisher is handed: `token` is the claim, and every word about it names it.
CREATE TYPE reactor.taken_publication AS (
    publish_id bigint, token uuid, job_id bigint, platform text, tries integer, lease_expires_at timestamptz, payload jsonb
);
CREATE INDEX mplite_queue_next ON reactor.mplite_queue (priority DESC, publish_id) WHERE status IN ('ready', 'publishing');
CREATE INDEX mplite_queue_unarchived ON reactor.mplite_queue (publish_id) WHERE status = 'published' AND archived_at IS NULL;
CREATE INDEX mplite_queue_open ON reactor.mplite_queue (status, publish_id) WHERE status <> 'published';

-- An alert that nobody confirms any more is over; alerts of one reactor say when it last saw the trouble.
ALTER TABLE reactor.alerts ADD COLUMN seen_at timestamptz NOT NULL DEFAULT clock_timestamp();
CREATE INDEX alerts_history ON reactor.alerts (kind, subject, id);

-- Endpoints that a setting stands for, and not a person's order.
ALTER TABLE reactor.webhooks ADD COLUMN managed_as text UNIQUE;

-- Ended jobs that were counted already, so that counting them stays quick: those that ended before `up_to`.
CREATE TABLE reactor.tallies (
    status text PRIMARY KEY CHECK (status IN ('complete', 'cancelled')),
    up_to timestamptz NOT NULL,
    jobs bigint NOT NULL
);
CREATE INDEX IF NOT EXISTS actp_gen_jobs_cancelled
    ON public.actp_gen_jobs (completed_at) WHERE status = 'cancelled';
-- What the filler and the pace ask: what waits and runs for platforms. Their names are free words, and an index takes no long ones.
CREATE INDEX IF NOT EXISTS actp_gen_jobs_kinds
    ON public.actp_gen_jobs (left(platform, 100), status) WHERE platform IS NOT NULL AND status IN ('pending', 'processing');

DO $$
BEGIN
    IF to_regrole('reactor_publisher') IS NULL THEN
        CREATE ROLE reactor_publisher NOLOGIN;
    END IF;
EXCEPTION WHEN insufficient_privilege OR duplicate_object OR unique_violation THEN
    RAISE NOTICE 'role reactor_publisher was not created: %', SQLERRM;
END $$;

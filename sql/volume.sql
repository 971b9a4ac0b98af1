-- How much is made: today, day by day, platform by platform, and whether that is enough. Re-applied after every
-- migrate: create or replace only. Days are those of the time zone in reactor.control. A render counts on the day it was
-- completed. Each range of time is looked up once and has two ends, so that the planner takes the index on completed_at.

CREATE OR REPLACE FUNCTION reactor.time_zone() RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, reactor, pg_temp AS $$
    SELECT coalesce((SELECT time_zone FROM reactor.control), 'UTC')
$$;

CREATE OR REPLACE FUNCTION reactor.today() RETURNS date
LANGUAGE sql STABLE SET search_path = pg_catalog, reactor, pg_temp AS $$ SELECT (clock_timestamp() AT TIME ZONE reactor.time_zone())::date $$;

-- The moment a day begins there; days are 23 or 25 hours long when clocks change. Where they are put back over midnight
-- (the Azores, Havana), 00:00 comes twice, and Postgres means the second.
CREATE OR REPLACE FUNCTION reactor.day_begins(day date) RETURNS timestamptz
LANGUAGE sql STABLE SET search_path = pg_catalog, reactor, pg_temp AS $$
    SELECT CASE WHEN (midnight - interval '1 hour') AT TIME ZONE zone >= day::timestamp THEN midnight - interval '1 hour' ELSE midnight END
      FROM (SELECT zone, day::timestamp AT TIME ZONE zone AS midnight FROM (SELECT reactor.time_zone() AS zone OFFSET 0) AS there) AS begun
$$;

-- Renders completed on a day, by platform, the busiest first; those without a platform have an empty one.
CREATE OR REPLACE FUNCTION reactor.count_by_platform(day date) RETURNS TABLE (platform text, renders bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, reactor, pg_temp AS $$
    SELECT coalesce(job.platform, ''), count(*)
      FROM public.actp_gen_jobs AS job
     WHERE status = 'complete' AND completed_at >= (SELECT reactor.day_begins(day)) AND completed_at < (SELECT reactor.day_begins(day + 1))
     GROUP BY 1 ORDER BY 2 DESC, 1
$$;

-- Renders completed between two moments; the second is no part of it.
CREATE OR REPLACE FUNCTION reactor.count_renders(since timestamptz, until timestamptz) RETURNS bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, reactor, pg_temp AS $$
    SELECT count(*) FROM public.actp_gen_jobs WHERE status = 'complete' AND completed_at >= since AND completed_at < until
$$;

CREATE OR REPLACE FUNCTION reactor.count_renders_today() RETURNS bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, reactor, pg_temp AS $$
    SELECT reactor.count_renders(reactor.day_begins(day), reactor.day_begins(day + 1)) FROM (SELECT reactor.today() AS day OFFSET 0) AS now_there
$$;

-- Renders of each day from the first to the last, those without any too.
CREATE OR REPLACE FUNCTION reactor.count_by_day(first date, last date) RETURNS TABLE (day date, renders bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, reactor, pg_temp AS $$
    SELECT first + n, reactor.count_renders(reactor.day_begins(first + n), reactor.day_begins(first + n + 1))
      FROM generate_series(0, last - first) AS n ORDER BY n
$$;

-- Renders a day: those of the seven full days before this one, by seven. Today would pull it down all day.
CREATE OR REPLACE FUNCTION reactor.velocity_before(day date) RETURNS double precision
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, reactor, pg_temp AS $$
    SELECT reactor.count_renders(reactor.day_begins(day - 7), reactor.day_begins(day)) / 7.0::float8
$$;

CREATE OR REPLACE FUNCTION reactor.get_daily_velocity() RETURNS double precision
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, reactor, pg_temp AS $$ SELECT reactor.velocity_before(reactor.today()) $$;

-- Renders a day that are enough: what was configured, or ten.
CREATE OR REPLACE FUNCTION reactor.target_per_day() RETURNS integer
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, reactor, pg_temp AS $$
    SELECT coalesce((SELECT target_per_day FROM reactor.control), 10)
$$;

-- Whether as many were completed today as should be in a day; without a number the configured one.
CREATE OR REPLACE FUNCTION reactor.is_on_pace(target_per_day integer DEFAULT NULL) RETURNS boolean
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, reactor, pg_temp AS $$
BEGIN
    IF is_on_pace.target_per_day <= 0 THEN
        RAISE EXCEPTION 'target_per_day is %, and must be at least 1', is_on_pace.target_per_day
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Write is_on_pace(10), or is_on_pace() for the configured target.';
    END IF;
    RETURN reactor.count_renders_today() >= coalesce(is_on_pace.target_per_day, reactor.target_per_day());
END $$;

-- To two places, as people read it.
CREATE OR REPLACE FUNCTION reactor.rounded(number double precision) RETURNS double precision
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$ SELECT round(number::numeric, 2)::float8 $$;

-- The hours that a pace is taken from: the last 24, or as many as there have been since the first render of all.
CREATE OR REPLACE FUNCTION reactor.hours_known(moment timestamptz) RETURNS double precision
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, reactor, pg_temp AS $$
    SELECT coalesce(least(24, greatest(1, extract(epoch FROM moment - min(completed_at))::float8 / 3600)), 24)
      FROM public.actp_gen_jobs WHERE status = 'complete' AND completed_at < moment AND completed_at > '-infinity'
$$;

-- How a day stands at a moment. The forecast is what is done, and the last 24 hours' pace for the hours that are left.
CREATE OR REPLACE FUNCTION reactor.pace_at(moment timestamptz) RETURNS TABLE (
    day date, time_zone text, target_per_day integer, done bigint, velocity double precision, per_hour double precision,
    hours_left double precision, forecast double precision, is_on_pace boolean, on_course boolean
) LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, reactor, pg_temp AS $$
    SELECT day, zone, target, done, reactor.rounded(velocity), reactor.rounded(per_hour), reactor.rounded(hours_left),
           reactor.rounded(done + per_hour * hours_left), done >= target, done + per_hour * hours_left >= target
      FROM (SELECT day, zone, reactor.target_per_day() AS target, reactor.count_renders(reactor.day_begins(day), reactor.day_begins(day + 1)) AS done,
                   reactor.velocity_before(day) AS velocity,
                   reactor.count_renders(moment - interval '24 hours', moment) / reactor.hours_known(moment) AS per_hour,
                   extract(epoch FROM reactor.day_begins(day + 1) - moment)::float8 / 3600 AS hours_left
              FROM (SELECT zone, (moment AT TIME ZONE zone)::date AS day FROM (SELECT reactor.time_zone() AS zone OFFSET 0) AS there OFFSET 0) AS dated
            OFFSET 0) AS stands
$$;

-- The same for each platform that videos are made for: the least it should get a day, what is still lacking to its target, and whether
-- it has the least, or will.
CREATE OR REPLACE FUNCTION reactor.platform_pace_at(moment timestamptz) RETURNS TABLE (
    platform text, done bigint, daily_least integer, daily_target integer, lacking bigint, forecast double precision,
    is_on_pace boolean, on_course boolean
) LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, reactor, pg_temp AS $$
    WITH span AS MATERIALIZED (
        SELECT reactor.day_begins(day) AS begins, reactor.day_begins(day + 1) AS ends
          FROM (SELECT (moment AT TIME ZONE reactor.time_zone())::date AS day OFFSET 0) AS dated
    ), known AS MATERIALIZED (
        SELECT reactor.hours_known(moment) AS hours
    ), made AS (
        SELECT job.platform, count(*) FILTER (WHERE completed_at >= begins) AS done,
               count(*) FILTER (WHERE completed_at >= moment - interval '24 hours' AND completed_at < moment) / (SELECT hours FROM known)
                   * extract(epoch FROM ends - moment)::float8 / 3600 AS more
          FROM span CROSS JOIN public.actp_gen_jobs AS job
         WHERE status = 'complete' AND job.platform IS NOT NULL
           AND completed_at >= (SELECT least(begins, moment - interval '24 hours') FROM span) AND completed_at < (SELECT ends FROM span)
         GROUP BY job.platform, begins, ends
    )
    SELECT each.platform, coalesce(done, 0), daily_least, daily_target, greatest(daily_target - coalesce(done, 0), 0),
           reactor.rounded(coalesce(done + more, 0)), coalesce(done, 0) >= daily_least, coalesce(done + more, 0) >= daily_least
      FROM reactor.platforms AS each LEFT JOIN made USING (platform)
     WHERE enabled ORDER BY platform
$$;

CREATE OR REPLACE VIEW reactor.pace AS SELECT * FROM reactor.pace_at(clock_timestamp());

-- Whoever does not ask for what waits and runs does not pay for counting it.
CREATE OR REPLACE VIEW reactor.platform_pace AS
SELECT each.platform, done,
       (SELECT count(*) FROM public.actp_gen_jobs AS job WHERE job.platform = each.platform AND left(job.platform, 100) = left(each.platform, 100) AND status = 'pending') AS pending,
       (SELECT count(*) FROM public.actp_gen_jobs AS job WHERE job.platform = each.platform AND left(job.platform, 100) = left(each.platform, 100) AND status = 'processing') AS processing,
       daily_least, daily_target, lacking, forecast, is_on_pace, on_course
  FROM reactor.platform_pace_at(clock_timestamp()) AS each;

CREATE OR REPLACE VIEW reactor.renders_by_day AS
SELECT day, renders FROM (SELECT reactor.today() AS last OFFSET 0) AS now_there CROSS JOIN LATERAL reactor.count_by_day(last - 29, last);

CREATE OR REPLACE VIEW reactor.renders_by_day_and_platform AS
SELECT day, platform, renders
  FROM (SELECT reactor.today() - n AS day FROM generate_series(29, 0, -1) AS n OFFSET 0) AS days CROSS JOIN LATERAL reactor.count_by_platform(day);

-- Nobody can put a zone there in which no day could be told: every view above would fail. Postgres itself takes 'Foo/Bar5' for a
-- zone five hours west, and abbreviations, which know no summer time.
CREATE OR REPLACE FUNCTION reactor.on_time_zone() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, reactor, pg_temp AS $$
DECLARE
    known text;
BEGIN
    SELECT name INTO known FROM pg_timezone_names WHERE lower(name) = lower(NEW.time_zone);
    IF known IS NULL THEN
        RAISE EXCEPTION '''%'' is no time zone; write one like Europe/Berlin', NEW.time_zone
            USING ERRCODE = 'invalid_parameter_value', HINT = 'SELECT name FROM pg_timezone_names lists all that there are.';
    END IF;
    NEW.time_zone := known;
    RETURN NEW;
END $$;

CREATE OR REPLACE TRIGGER reactor_time_zone BEFORE INSERT OR UPDATE OF time_zone ON reactor.control
    FOR EACH ROW EXECUTE FUNCTION reactor.on_time_zone();

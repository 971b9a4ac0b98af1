-- How much is made: today, day by day, platform by platform, and whether that is enough. Re-applied after every
-- migrate: create or replace only. Days are those of the time zone in reactor.control.

CREATE OR REPLACE FUNCTION reactor.time_zone() RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, reactor, pg_temp AS $$ SELECT time_zone FROM reactor.control $$;

CREATE OR REPLACE FUNCTION reactor.today() RETURNS date
LANGUAGE sql STABLE SET search_path = pg_catalog, reactor, pg_temp AS $$ SELECT (clock_timestamp() AT TIME ZONE reactor.time_zone())::date $$;

-- The moment a day begins there; days are 23 or 25 hours long when clocks change.
CREATE OR REPLACE FUNCTION reactor.day_begins(day date) RETURNS timestamptz
LANGUAGE sql STABLE SET search_path = pg_catalog, reactor, pg_temp AS $$ SELECT day::timestamp AT TIME ZONE reactor.time_zone() $$;

-- Renders completed on a day, by platform, the busiest first; those without a platform have an empty one.
CREATE OR REPLACE FUNCTION reactor.count_by_platform(day date) RETURNS TABLE (platform text, renders bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, reactor, pg_temp AS $$
    SELECT coalesce(job.platform, ''), count(*)
      FROM public.actp_gen_jobs AS job
     WHERE status = 'complete' AND completed_at >= reactor.day_begins(day) AND completed_at < reactor.day_begins(day + 1)
     GROUP BY 1 ORDER BY 2 DESC, 1
$$;

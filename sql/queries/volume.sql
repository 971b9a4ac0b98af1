-- name: count_renders_today
-- How many renders were completed today.
SELECT reactor.count_renders_today();

-- name: count_by_platform
-- Renders of a day by platform, the busiest first; no platform is an empty name.
SELECT platform, renders FROM reactor.count_by_platform(%(day)s::date);

-- name: get_daily_velocity
-- Renders a day over the seven full days before this one.
SELECT reactor.get_daily_velocity();

-- name: is_on_pace
-- Whether as many were completed today as should be.
SELECT reactor.is_on_pace(%(target_per_day)s::integer);

-- name: get_volume
-- How today stands, platform by platform, and the days before it; `others` are renders for no platform of the catalogue.
SELECT pace.*, made.platforms, greatest(pace.done - made.done, 0)::bigint AS others,
       (SELECT json_agg(by_day ORDER BY by_day.day)
          FROM reactor.count_by_day(pace.day - %(days)s::integer + 1, pace.day) AS by_day) AS days
  FROM reactor.pace
 CROSS JOIN (SELECT coalesce(json_agg(one ORDER BY one.platform), '[]') AS platforms, coalesce(sum(one.done), 0) AS done
               FROM reactor.platform_pace AS one) AS made;

-- name: configure
-- Where a day begins and what it should bring, as far as that was said; the views read it there.
UPDATE reactor.control
   SET time_zone = coalesce(%(time_zone)s::text, time_zone), target_per_day = coalesce(%(target_per_day)s::integer, target_per_day)
 WHERE lower(time_zone) IS DISTINCT FROM lower(coalesce(%(time_zone)s::text, time_zone))
    OR target_per_day IS DISTINCT FROM coalesce(%(target_per_day)s::integer, target_per_day);

-- name: recount
-- Count the jobs that ended long ago, for the statistics; false when that is not possible just now.
SELECT reactor.recount();

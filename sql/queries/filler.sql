-- name: count_pending_jobs
-- How many jobs are in the queue, counted no further than `most`; `sql/filler.sql` says which are.
SELECT reactor.count_pending(%(most)s::integer);

-- name: get_pending_jobs
-- Pending jobs in the order of their priority, also those that wait for approval or for a time.
SELECT id::bigint, niche, platform, template_id, priority,
       CASE WHEN approved IS FALSE THEN 'for approval'
            WHEN run_after = 'infinity' THEN 'for ever'
            WHEN run_after > now() THEN to_char(run_after AT TIME ZONE 'UTC', '"until" YYYY-MM-DD HH24:MI:SS "UTC"') END AS waits
  FROM public.actp_gen_jobs
 WHERE status = 'pending'
 ORDER BY priority DESC, id
 LIMIT %(most)s::integer;

-- name: fill_queue
-- Make jobs of the catalogue until so many are pending.
SELECT ids, short, outcome FROM reactor.fill_queue(%(target)s::integer, %(given_by)s::text);

-- name: create_catalog_job
-- One job of the catalogue.
SELECT reactor.create_job(%(niche)s::text, %(platform)s::text, %(template_id)s::text);

-- name: prioritize_jobs
-- Give pending jobs the priority of their niche and platform.
SELECT jobs, outcome FROM reactor.prioritize_jobs(%(given_by)s::text);

-- name: flush_stale_jobs
-- Take back what has been in work for longer than that.
SELECT ids, outcome
  FROM reactor.flush_stale_jobs(%(max_age_hours)s::float8, %(longest_render_s)s::float8, %(given_by)s::text);

-- name: count_kinds
-- How many jobs of these niches and platforms there are that nobody has cancelled.
SELECT wanted.niche, wanted.platform, count(job.id)
  FROM unnest(%(niches)s::text[], %(platforms)s::text[]) AS wanted (niche, platform)
  LEFT JOIN public.actp_gen_jobs AS job
    ON job.niche = wanted.niche AND job.platform = wanted.platform AND job.status <> 'cancelled'
 GROUP BY 1, 2;

-- name: hold_project
-- Until the end of the transaction nobody else counts this project's jobs; how many it may have, if it says so.
SELECT project.max_active
  FROM (SELECT pg_advisory_xact_lock(hashtextextended('reactor.project/' || %(project_id)s::text, 0))) AS held
  LEFT JOIN reactor.projects AS project ON project.project_id = %(project_id)s;

-- name: limit_project
-- Say how many jobs of a project may be active and how many may render at once; null is the farm's usual.
INSERT INTO reactor.projects (project_id, max_active, max_rendering)
VALUES (%(project_id)s, %(max_active)s, %(max_rendering)s)
ON CONFLICT (project_id) DO UPDATE SET max_active = excluded.max_active, max_rendering = excluded.max_rendering;

-- name: get_project
-- What a project may have and has.
SELECT %(project_id)s::text AS project_id, project.max_active, project.max_rendering, project.served_at,
       (SELECT count(*) FROM public.actp_gen_jobs WHERE project_id = %(project_id)s AND status = 'pending') AS pending,
       (SELECT count(*) FROM public.actp_gen_jobs WHERE project_id = %(project_id)s AND status = 'processing') AS processing
  FROM (SELECT) AS one LEFT JOIN reactor.projects AS project ON project.project_id = %(project_id)s;

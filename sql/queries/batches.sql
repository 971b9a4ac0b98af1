-- name: insert_batch
-- Note a batch; nothing when its key is taken. Somebody else's key that is being inserted is waited for.
INSERT INTO reactor.batches (batch_id, idempotency_key, template_id, formats, project_id, jobs, asked)
VALUES (%(batch_id)s, %(idempotency_key)s, %(template_id)s, %(formats)s, %(project_id)s, %(jobs)s, %(asked)s)
ON CONFLICT (idempotency_key) DO NOTHING
RETURNING batch_id;

-- name: find_batch_by_key
-- The batch of an idempotency key, and what was asked for then.
SELECT batch_id, jobs, asked FROM reactor.batches WHERE idempotency_key = %(idempotency_key)s;

-- name: sum_up_batch
-- A batch and how far its jobs are; the time left goes by those that are complete.
SELECT batch.batch_id, batch.template_id, batch.formats, batch.project_id, batch.created_at, batch.jobs,
       sums.pending, sums.processing, sums.complete, sums.failed, sums.cancelled, sums.progress,
       CASE WHEN sums.complete > 0 AND sums.pending + sums.processing > 0
            THEN sums.seconds / sums.complete * (sums.pending + sums.processing) END AS eta_s
  FROM reactor.batches AS batch
 CROSS JOIN LATERAL (
           SELECT count(*) FILTER (WHERE job.status = 'pending') AS pending,
                  count(*) FILTER (WHERE job.status = 'processing') AS processing,
                  count(*) FILTER (WHERE job.status = 'complete') AS complete,
                  count(*) FILTER (WHERE job.status = 'failed') AS failed,
                  count(*) FILTER (WHERE job.status = 'cancelled') AS cancelled,
                  coalesce(avg(CASE WHEN p.fraction IS NOT NULL AND job.stage = 'rendering' THEN 10 + 80 * p.fraction
                                    ELSE job.progress END), 0)::float8 AS progress,
                  extract(epoch FROM max(job.completed_at) FILTER (WHERE job.status = 'complete')
                                     - min(job.render_started_at))::float8 AS seconds
             FROM public.actp_gen_jobs AS job
             LEFT JOIN reactor.progress AS p ON p.job_id = job.id AND p.attempt = job.attempt
            WHERE job.batch_id = batch.batch_id
       ) AS sums
 WHERE batch.batch_id = %(batch_id)s;

-- name: list_batch_jobs
-- A batch's jobs, the newest first, below an id to go on from.
SELECT job.id, job.audio_name, job.format, job.quality, job.container, job.status,
       CASE WHEN p.fraction IS NOT NULL AND job.stage = 'rendering' THEN 10 + 80 * p.fraction ELSE job.progress END::float8 AS progress,
       job.output_path, job.error_message
  FROM public.actp_gen_jobs AS job
  LEFT JOIN reactor.progress AS p ON p.job_id = job.id AND p.attempt = job.attempt
 WHERE job.batch_id = %(batch_id)s AND job.id < coalesce(%(before)s::bigint, 9223372036854775807)
 ORDER BY job.id DESC
 LIMIT %(most)s;

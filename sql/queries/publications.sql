-- name: intend_publication
-- Say where a file is meant to go before it is moved. No row comes back when the name is another job's.
INSERT INTO reactor.publications AS p
       (path, job_id, sha256, size_bytes, thumbnail_path, duration_s, width, height, fps)
VALUES (%(path)s, %(job_id)s, %(sha256)s, %(size_bytes)s, %(thumbnail_path)s, %(duration_s)s, %(width)s, %(height)s, %(fps)s)
ON CONFLICT (path) DO UPDATE
   SET sha256 = excluded.sha256, size_bytes = excluded.size_bytes, thumbnail_path = excluded.thumbnail_path,
       duration_s = excluded.duration_s, width = excluded.width, height = excluded.height, fps = excluded.fps
 WHERE p.job_id = excluded.job_id AND p.published_at IS NULL
RETURNING path;

-- name: find_intention
-- Where this job's file was last meant to go, when its publication never was confirmed.
SELECT path, sha256, size_bytes, thumbnail_path, duration_s, width, height, fps
  FROM reactor.publications
 WHERE job_id = %(job_id)s AND published_at IS NULL
 ORDER BY intended_at DESC
 LIMIT 1;

-- name: withdraw_intention
-- The name was taken on the disk after all; try another.
DELETE FROM reactor.publications WHERE path = %(path)s AND job_id = %(job_id)s AND published_at IS NULL;

-- name: confirm_publication
-- The file is in its place.
UPDATE reactor.publications SET published_at = clock_timestamp() WHERE path = %(path)s AND job_id = %(job_id)s;

-- name: take_publications
-- What is due, the most urgent first, each with a token of its own.
SELECT publish_id, token, job_id, platform, tries, lease_expires_at, payload
  FROM reactor.take_publications(%(publisher)s::text, %(most)s::integer, %(platform)s::text, %(lease_s)s::double precision);

-- name: renew_publication
-- Keep what one has for longer.
SELECT verdict, outcome
  FROM reactor.renew_publication(%(publish_id)s::bigint, %(token)s::uuid, %(lease_s)s::double precision);

-- name: mark_published
-- It is on its platform.
SELECT verdict, outcome FROM reactor.mark_published(%(publish_id)s::bigint, %(token)s::uuid, %(url)s::text);

-- name: mark_publish_failed
-- It did not work this time, or for good.
SELECT verdict, outcome
  FROM reactor.mark_publish_failed(%(publish_id)s::bigint, %(error)s::text, %(token)s::uuid, %(retry_after_s)s::double precision,
                                   %(final)s::boolean);

-- name: release_publication
-- Given back without having been tried.
SELECT verdict, outcome FROM reactor.release_publication(%(publish_id)s::bigint, %(token)s::uuid);

-- name: republish
-- Ready again, by a person's word.
SELECT verdict, outcome FROM reactor.republish(%(publish_id)s::bigint);

-- name: take_back_publications
-- Publishers that did not come back lose what they had.
SELECT reactor.take_back_publications();

-- name: get_publication
-- One publication, without its token.
SELECT publish_id, job_id, platform, niche, status, priority, payload, problems, tries, max_tries, publish_after, publisher,
       lease_expires_at, created_at, published_at, published_url, archived_at, error_message
  FROM reactor.mplite_queue WHERE publish_id = %(publish_id)s::bigint;

-- name: find_publication
-- The publication of a job.
SELECT publish_id FROM reactor.mplite_queue WHERE job_id = %(job_id)s::bigint;

-- name: list_publications
-- What matches, the newest first; a page goes on below `before`.
SELECT publish_id, job_id, platform, niche, status, priority, payload, problems, tries, max_tries, publish_after, publisher,
       lease_expires_at, created_at, published_at, published_url, archived_at, error_message
  FROM reactor.mplite_queue
 WHERE publish_id < coalesce(%(before)s::bigint, 9223372036854775807)
   AND (%(status)s::text IS NULL OR status = %(status)s::text)
   AND (%(platform)s::text IS NULL OR platform = %(platform)s::text)
 ORDER BY publish_id DESC LIMIT %(most)s::integer;

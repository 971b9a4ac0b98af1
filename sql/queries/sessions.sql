-- name: put_session
-- Create a session, or give it another title and project.
INSERT INTO reactor.sessions (session_id, title, project_id)
VALUES (%(session_id)s, %(title)s, %(project_id)s)
ON CONFLICT (session_id) DO UPDATE SET title = excluded.title, project_id = excluded.project_id;

-- name: get_session
-- One session.
SELECT session_id, title, project_id, created_at FROM reactor.sessions WHERE session_id = %(session_id)s;

-- name: hold_session
-- The same; it stays until the transaction ends.
SELECT session_id, title, project_id, created_at FROM reactor.sessions WHERE session_id = %(session_id)s FOR SHARE;

-- name: put_asset
-- Add an asset, or say where its film is now.
INSERT INTO reactor.assets (session_id, asset_id, mezzanine_url, duration_s)
VALUES (%(session_id)s, %(asset_id)s, %(mezzanine_url)s, %(duration_s)s)
ON CONFLICT (session_id, asset_id) DO UPDATE SET mezzanine_url = excluded.mezzanine_url, duration_s = excluded.duration_s
RETURNING asset_id, mezzanine_url, duration_s, created_at;

-- name: list_assets
-- A session's assets.
SELECT asset_id, mezzanine_url, duration_s, created_at
  FROM reactor.assets WHERE session_id = %(session_id)s ORDER BY asset_id;

-- name: hold_assets
-- Where the films of these assets are; they stay so until the transaction ends.
SELECT asset_id, mezzanine_url FROM reactor.assets
 WHERE session_id = %(session_id)s AND asset_id = ANY (%(asset_ids)s::text[]) ORDER BY asset_id FOR SHARE;

-- name: put_edl
-- A session's cuts, while it has none or they are a draft.
INSERT INTO reactor.edls (session_id, cuts)
VALUES (%(session_id)s, %(cuts)s)
ON CONFLICT (session_id) DO UPDATE SET cuts = excluded.cuts WHERE edls.status = 'draft'
RETURNING status, left(cuts::text, %(most)s::integer) AS cuts, created_at, locked_at;

-- name: get_edl
-- A session's EDL. The cuts are text, because JSON can hold numbers that no program can.
SELECT status, left(cuts::text, %(most)s::integer) AS cuts, created_at, locked_at
  FROM reactor.edls WHERE session_id = %(session_id)s;

-- name: hold_edl
-- The same; nobody changes, locks or unlocks it until the transaction ends.
SELECT status, left(cuts::text, %(most)s::integer) AS cuts, created_at, locked_at
  FROM reactor.edls WHERE session_id = %(session_id)s FOR SHARE;

-- name: move_edl
-- Lock or unlock an EDL; the trigger writes down when.
UPDATE reactor.edls SET status = %(status)s WHERE session_id = %(session_id)s
RETURNING status, left(cuts::text, %(most)s::integer) AS cuts, created_at, locked_at;

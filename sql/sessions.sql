-- What is locked is kept. Re-applied after every migrate: create or replace only.

-- What was locked stays as it is, whoever asks, because jobs are made of it; a draft again, it can be changed.
CREATE OR REPLACE FUNCTION reactor.guard_edl() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, reactor, pg_temp AS $$
BEGIN
    IF TG_OP <> 'INSERT' AND OLD.status = 'locked'
       AND (TG_OP = 'DELETE' OR (NEW.cuts, NEW.session_id) IS DISTINCT FROM (OLD.cuts, OLD.session_id)) THEN
        RAISE EXCEPTION 'session %: its EDL is locked and cannot be %',
                        OLD.session_id, CASE TG_OP WHEN 'DELETE' THEN 'deleted' ELSE 'changed' END
            USING ERRCODE = 'restrict_violation',
                  HINT = format('Before that, UPDATE reactor.edls SET status = ''draft'' WHERE session_id = %L;', OLD.session_id);
    ELSIF TG_OP = 'DELETE' THEN
        RETURN OLD;
    ELSIF NEW.status = 'draft' THEN
        NEW.locked_at := NULL;
    ELSIF TG_OP = 'UPDATE' AND OLD.status = 'locked' THEN
        NEW.locked_at := OLD.locked_at;
    ELSE
        NEW.locked_at := clock_timestamp();
    END IF;
    RETURN NEW;
END $$;

-- What a locked EDL names stays there. The EDL is held meanwhile, so that nobody locks it in the same moment.
CREATE OR REPLACE FUNCTION reactor.guard_asset() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, reactor, pg_temp AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND (NEW.session_id, NEW.asset_id) = (OLD.session_id, OLD.asset_id)
       AND (coalesce(btrim(NEW.mezzanine_url), '') <> '' OR coalesce(btrim(OLD.mezzanine_url), '') = '') THEN
        RETURN NEW;
    END IF;
    PERFORM FROM reactor.edls
      WHERE session_id = OLD.session_id FOR SHARE;
    PERFORM FROM reactor.edls
      WHERE session_id = OLD.session_id AND status = 'locked'
        AND cuts @> jsonb_build_array(jsonb_build_object('asset', OLD.asset_id));
    IF FOUND THEN
        RAISE EXCEPTION 'session %: asset % is in the locked EDL and must keep its name and its mezzanine_url',
                        OLD.session_id, quote_literal(OLD.asset_id)
            USING ERRCODE = 'restrict_violation',
                  HINT = format('Before that, UPDATE reactor.edls SET status = ''draft'' WHERE session_id = %L;', OLD.session_id);
    END IF;
    RETURN coalesce(NEW, OLD);
END $$;

-- TRUNCATE passes the rows by.
CREATE OR REPLACE FUNCTION reactor.guard_locked_edls() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, reactor, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM reactor.edls WHERE status = 'locked') THEN
        RAISE EXCEPTION '% cannot be emptied while an EDL is locked', TG_TABLE_NAME
            USING ERRCODE = 'restrict_violation', HINT = 'Before that, UPDATE reactor.edls SET status = ''draft'';';
    END IF;
    RETURN NULL;
END $$;

CREATE OR REPLACE TRIGGER reactor_edl_guard BEFORE INSERT OR UPDATE OR DELETE ON reactor.edls
    FOR EACH ROW EXECUTE FUNCTION reactor.guard_edl();
CREATE OR REPLACE TRIGGER reactor_edl_truncate BEFORE TRUNCATE ON reactor.edls
    FOR EACH STATEMENT EXECUTE FUNCTION reactor.guard_locked_edls();
CREATE OR REPLACE TRIGGER reactor_asset_guard BEFORE UPDATE OR DELETE ON reactor.assets
    FOR EACH ROW EXECUTE FUNCTION reactor.guard_asset();
CREATE OR REPLACE TRIGGER reactor_asset_truncate BEFORE TRUNCATE ON reactor.assets
    FOR EACH STATEMENT EXECUTE FUNCTION reactor.guard_locked_edls();

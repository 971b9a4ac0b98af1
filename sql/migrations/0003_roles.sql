-- Least privilege: who may do what. Where our role may not create roles (managed databases), the
-- grants wait: create the roles by hand and run `bin/reactor migrate` again for the functions' grants.
-- NOTIFY and LISTEN need no right but CONNECT; that is why the daemon asks who sent a command.

DO $$
DECLARE
    wanted text;
BEGIN
    FOREACH wanted IN ARRAY ARRAY['reactor_owner', 'reactor_daemon', 'reactor_operator', 'reactor_producer'] LOOP
        BEGIN
            IF to_regrole(wanted) IS NULL THEN
                EXECUTE format('CREATE ROLE %I NOLOGIN', wanted);
            END IF;
        EXCEPTION WHEN insufficient_privilege OR duplicate_object OR unique_violation THEN
            RAISE NOTICE 'role % was not created: %', wanted, SQLERRM;
        END;
    END LOOP;
END $$;

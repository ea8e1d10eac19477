-- What the server knows about a role that is to be made, as one document.
-- {groups} and {databases} are arrays of names, quoted by the caller.
WITH RECURSIVE
asked AS (
    SELECT a.name, a.place, r.oid, r.rolsuper
      FROM unnest({groups}) WITH ORDINALITY a (name, place) LEFT JOIN pg_roles r ON r.rolname = a.name
),
-- Memberships that give something; the options are there from version 16 on.
memberships AS (
    SELECT m.member, m.roleid
      FROM pg_auth_members m, to_jsonb(m) j
     WHERE coalesce((j ->> 'inherit_option')::boolean, true) OR coalesce((j ->> 'set_option')::boolean, true)
),
-- Every role that a member of those asked for is, or can act as.
reached AS (
    SELECT oid FROM asked WHERE oid IS NOT NULL
    UNION
    SELECT m.roleid FROM reached JOIN memberships m ON m.member = reached.oid
),
-- With PUBLIC, which has no row.
holders AS (SELECT oid FROM reached UNION ALL SELECT 0),
schemas AS (
    SELECT n.oid, n.nspname,
           bool_or(has_schema_privilege(h.oid, n.oid, 'USAGE')) AS usable,
           bool_or(has_schema_privilege(h.oid, n.oid, 'CREATE')) AS creatable,
           bool_or(n.nspowner = h.oid) AS owned
      FROM pg_namespace n CROSS JOIN holders h
     WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
     GROUP BY n.oid, n.nspname
),
relations AS (
    SELECT c.relnamespace, c.oid,
           bool_or(has_any_column_privilege(h.oid, c.oid, 'SELECT')) AS selects,
           bool_or(has_any_column_privilege(h.oid, c.oid, 'INSERT')) AS inserts,
           bool_or(has_any_column_privilege(h.oid, c.oid, 'UPDATE')) AS updates,
           bool_or(has_table_privilege(h.oid, c.oid, 'DELETE')) AS deletes,
           bool_or(has_table_privilege(h.oid, c.oid, 'TRUNCATE')) AS truncates,
           bool_or(c.relowner = h.oid) AS owned
      FROM pg_class c JOIN schemas s ON s.oid = c.relnamespace AND s.usable CROSS JOIN holders h
     WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')
     GROUP BY c.relnamespace, c.oid
),
privileges AS (
    SELECT s.nspname, s.creatable, s.owned,
           count(*) FILTER (WHERE r.selects) AS selects,
           count(*) FILTER (WHERE r.inserts) AS inserts,
           count(*) FILTER (WHERE r.updates) AS updates,
           count(*) FILTER (WHERE r.deletes) AS deletes,
           count(*) FILTER (WHERE r.truncates) AS truncates,
           count(*) FILTER (WHERE r.owned) AS owns
      FROM schemas s LEFT JOIN relations r ON r.relnamespace = s.oid
     WHERE s.usable
     GROUP BY s.oid, s.nspname, s.creatable, s.owned
)
SELECT jsonb_build_object(
    'major', current_setting('server_version_num')::int / 10000,
    'replica', pg_is_in_recovery(),
    'dbname', current_database(),
    'admin', (
        SELECT jsonb_build_object('name', rolname, 'superuser', rolsuper, 'createrole', rolcreaterole)
          FROM pg_roles WHERE rolname = current_user),
    'groups', (
        SELECT coalesce(jsonb_agg(jsonb_build_object(
                   'name', name,
                   'exists', oid IS NOT NULL,
                   'superuser', coalesce(rolsuper, false),
                   'grantable', coalesce(pg_has_role(oid, 'MEMBER WITH ADMIN OPTION'), false)) ORDER BY place), '[]')
          FROM asked),
    'databases', (
        SELECT coalesce(jsonb_agg(jsonb_build_object(
                   'name', a.name,
                   'exists', d.oid IS NOT NULL,
                   'connectable', coalesce(has_database_privilege(d.oid, 'CONNECT'), false)) ORDER BY a.place), '[]')
          FROM unnest({databases}) WITH ORDINALITY a (name, place) LEFT JOIN pg_database d ON d.datname = a.name),
    'database', (
        SELECT jsonb_build_object(
                   'connects', bool_or(has_database_privilege(h.oid, d.oid, 'CONNECT')),
                   'creates', bool_or(has_database_privilege(h.oid, d.oid, 'CREATE')),
                   'owned', bool_or(d.datdba = h.oid))
          FROM pg_database d CROSS JOIN holders h WHERE d.datname = current_database()),
    'reached', (
        SELECT coalesce(jsonb_agg(jsonb_build_object(
                   'name', r.rolname,
                   'superuser', r.rolsuper,
                   'createrole', r.rolcreaterole,
                   'createdb', r.rolcreatedb,
                   'replication', r.rolreplication,
                   'bypassrls', r.rolbypassrls) ORDER BY r.rolname COLLATE "C"), '[]')
          FROM reached JOIN pg_roles r ON r.oid = reached.oid),
    'schemas', (
        SELECT coalesce(jsonb_agg(to_jsonb(p) ORDER BY p.nspname COLLATE "C"), '[]') FROM privileges p)
)

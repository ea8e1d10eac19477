-- A target as an operator prepares it: groups that hold the privileges, and an admin who may make members of them.
CREATE ROLE orders_owner NOLOGIN;
CREATE ROLE orders_ro NOLOGIN;
CREATE ROLE orders_rw NOLOGIN;
CREATE ROLE broker_admin LOGIN CREATEROLE PASSWORD '{admin_password}';

-- Since 16, CREATEROLE alone gives no right to the membership of roles that others made.
GRANT orders_owner, orders_ro, orders_rw TO broker_admin WITH ADMIN OPTION;
GRANT pg_signal_backend TO broker_admin;

CREATE DATABASE orders OWNER orders_owner TEMPLATE template0;
REVOKE ALL ON DATABASE orders FROM PUBLIC;
GRANT CONNECT ON DATABASE orders TO orders_ro, orders_rw, broker_admin;

\connect orders
SET ROLE orders_owner;
CREATE SCHEMA app;
CREATE TABLE app.orders (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    customer text NOT NULL,
    item text NOT NULL,
    quantity integer NOT NULL CHECK (quantity > 0),
    placed_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO app.orders (customer, item, quantity)
VALUES ('Ada', 'difference engine', 1), ('Grace', 'nanosecond of wire', 100), ('Edsger', 'shortest path', 1);

GRANT USAGE ON SCHEMA app TO orders_ro, orders_rw;
GRANT SELECT ON ALL TABLES IN SCHEMA app TO orders_ro;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA app TO orders_rw;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA app TO orders_rw;
ALTER DEFAULT PRIVILEGES IN SCHEMA app GRANT SELECT ON TABLES TO orders_ro;
ALTER DEFAULT PRIVILEGES IN SCHEMA app GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO orders_rw;
ALTER DEFAULT PRIVILEGES IN SCHEMA app GRANT USAGE ON SEQUENCES TO orders_rw;

-- The ledger: its owner runs the migrations and grants what the running broker may do.
CREATE ROLE ledger_owner LOGIN PASSWORD '{owner_password}';
CREATE ROLE ledger_writer LOGIN PASSWORD '{writer_password}';
CREATE DATABASE ledger OWNER ledger_owner TEMPLATE template0;
REVOKE ALL ON DATABASE ledger FROM PUBLIC;
GRANT CONNECT ON DATABASE ledger TO ledger_writer;

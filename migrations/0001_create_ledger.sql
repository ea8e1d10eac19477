-- The ledger: what was issued, and the record of everything that happened.
-- Times come from the broker's clock as parameters: nothing here reads the server's.

-- Which installation this is. Its tag is part of every user name that the broker makes, so that two
-- brokers on one database server never take each other's users for orphans.
create table installation (
    singleton boolean primary key default true,
    tag       text not null,
    constraint installation_is_one check (singleton),
    constraint installation_tag_is_plain check (tag ~ '^[0-9a-f]{6}$')
);
insert into installation (tag) values (substr(md5(gen_random_uuid()::text), 1, 6));

-- One row per credential. The row is also the queue of the reaper: `due_at` says when it has to look.
create table leases (
    id             uuid primary key,
    role           text not null,
    database       text not null,
    engine         text not null,
    issuer         text not null,
    subject        text not null,
    share          text not null,
    cache_key      text not null,
    handle         jsonb not null,
    drain_ms       bigint not null,
    state          text not null,
    reason         text,
    created_at     timestamptz not null,
    issued_at      timestamptz,
    refresh_after  timestamptz,
    expires_at     timestamptz,
    max_expires_at timestamptz,
    ended_at       timestamptz,
    due_at         timestamptz,
    attempts       integer not null default 0,
    last_error     text,
    claim          uuid,
    claimed_until  timestamptz,
    constraint leases_state_is_known check (state in ('pending', 'active', 'draining', 'revoked', 'failed')),
    constraint leases_reason_is_known check (reason in ('expired', 'released', 'incident')),
    constraint leases_share_is_known check (share in ('workload', 'instance', 'request', 'role')),
    constraint leases_drain_is_not_negative check (drain_ms >= 0),
    constraint leases_claim_has_an_end check ((claim is null) = (claimed_until is null)),
    constraint leases_times_fit_the_state check (
        case state
            when 'pending'
                then num_nulls(issued_at, refresh_after, expires_at, max_expires_at) = 4
                     and due_at is not null and ended_at is null and reason is null
            when 'active'
                then num_nulls(issued_at, refresh_after, expires_at, max_expires_at) = 0
                     and due_at is not null and ended_at is null and reason is null
            when 'draining'
                then num_nulls(issued_at, refresh_after, expires_at, max_expires_at) = 0
                     and due_at is not null and ended_at is null and reason is not null
            when 'revoked'
                then num_nulls(issued_at, refresh_after, expires_at, max_expires_at) = 0
                     and due_at is null and ended_at is not null and reason is not null
            when 'failed'
                then num_nulls(issued_at, refresh_after, expires_at, max_expires_at) = 4
                     and due_at is null and ended_at is not null and reason is null
        end
    ),
    constraint leases_times_are_in_order check (
        issued_at <= refresh_after and refresh_after <= expires_at and expires_at <= max_expires_at
    )
);

-- What the reaper looks for, database by database.
create index leases_due on leases (database, due_at) where due_at is not null;
-- What quotas count, and what an incident revokes.
create index leases_live on leases (issuer, subject, role) where due_at is not null;
-- Which user names are accounted for.
create index leases_live_username on leases (database, (handle ->> 'username')) where due_at is not null;

-- The chain: each event carries the HMAC of its content and of the event before it in its stream.
-- `detail` is text, not jsonb: the HMAC is over its bytes.
create table audit_events (
    stream   uuid not null,
    seq      bigint not null,
    at       timestamptz not null,
    action   text not null,
    issuer   text,
    subject  text,
    role     text,
    database text,
    lease    uuid,
    request  text,
    detail   text not null,
    mac      bytea not null,
    primary key (stream, seq),
    constraint audit_events_count_from_one check (seq >= 1),
    constraint audit_events_mac_is_sha256 check (octet_length(mac) = 32)
);

create index audit_events_at on audit_events (at, stream, seq);
create index audit_events_lease on audit_events (lease) where lease is not null;

-- Signed heads: that a stream had reached this event, and (kind `pruned`) that all up to it were removed on purpose.
create table audit_heads (
    stream    uuid not null,
    seq       bigint not null,
    kind      text not null,
    at        timestamptz not null,
    mac       bytea not null,
    signature bytea not null,
    primary key (stream, seq, kind),
    constraint audit_heads_kind_is_known check (kind in ('head', 'pruned')),
    constraint audit_heads_mac_is_sha256 check (octet_length(mac) = 32),
    constraint audit_heads_signature_is_sha256 check (octet_length(signature) = 32)
);

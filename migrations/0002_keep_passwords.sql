-- Passwords that outlive a process: those of rotated users, and of the broker's own users in databases.

-- Sealed, and bound to its row. `pending` is kept before the database is told, `secret` after: whichever step a
-- crash hits, one of the two is the one in force.
create table passwords (
    database   text not null,
    username   text not null,
    secret     bytea,
    pending    bytea,
    pending_at timestamptz,
    changed_at timestamptz not null,
    primary key (database, username)
);

-- A user whose password is rotated has one lease at a time: replicas that rotate at once do not undo each other.
create unique index leases_rotated_user on leases (database, (handle ->> 'username'))
 where due_at is not null and handle ->> 'kind' = 'rotated_password';

alter table leases drop constraint leases_reason_is_known;
alter table leases add constraint leases_reason_is_known
    check (reason in ('expired', 'released', 'incident', 'rotated'));

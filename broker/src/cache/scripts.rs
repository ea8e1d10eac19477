//! The four things that Redis has to do in one step. Each touches one key, as a Cluster demands.

/// Keeps an entry unless a newer one is there. Key: the entry. Arguments: lease, time of issue in
/// microseconds, sealed entry, life in milliseconds. Answers 1 if it was kept.
pub(super) const PUT: &str = "\
local there = redis.call('HGET', KEYS[1], 'issued')
if there and (tonumber(there) or 0) > tonumber(ARGV[2]) then return 0 end
redis.call('HSET', KEYS[1], 'lease', ARGV[1], 'issued', ARGV[2], 'sealed', ARGV[3])
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return 1";

/// Removes an entry if it is of this lease: its successor may be there already. Key: the entry. Argument: lease.
pub(super) const REMOVE_LEASE: &str = "\
if redis.call('HGET', KEYS[1], 'lease') == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0";

/// Extends a lock if it is still ours; never takes it again. Key: the lock. Arguments: its token, life in milliseconds.
/// Answers 1 if it was extended.
pub(super) const EXTEND: &str = "\
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return 0";

/// Releases a lock if it is still ours: it may have ended and been taken. Key: the lock. Argument: its token.
pub(super) const UNLOCK: &str = "\
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0";

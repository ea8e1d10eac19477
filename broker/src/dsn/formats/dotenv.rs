//! `DATABASE_URL='postgresql://…'` or `DATABASE_URL='mysql://…'`, for a `.env` file.
//!
//! There is no quoting that all readers of such files agree on, but they agree on single quotes around a
//! text without any special character, and an encoded URI is that.

use crate::dsn::formats::{ARGUMENTS, GSS, LIBPQ, MYSQL_URL, PRISMA_6_READS_IT, Reader, Spec, TEXT};
use crate::dsn::reader::{ChannelBinding, DirectTls, Timeout, Trusts};

pub(in crate::dsn) const SPEC: Spec = Spec {
    media_type: TEXT,
    // Whoever reads DATABASE_URL may not be libpq: asyncpg and its like pass a `connect_timeout` or `channel_binding` on
    // to the server, which refuses it. None but libpq knows `sslnegotiation`.
    postgres: Some(&Reader {
        channel_binding: ChannelBinding::None,
        direct_tls: DirectTls::Error,
        timeout: Timeout::InCode,
        // Among its readers are some that trust the system's roots besides.
        trust: Trusts::Additive,
        traps: &[ARGUMENTS, GSS, PRISMA_6_READS_IT],
        open: ". /path/where/you/saved/it\npsql \"$DATABASE_URL\"",
        render: |settings| line((LIBPQ.render)(settings)),
        ..LIBPQ
    }),
    mysql: Some(&Reader { open: "", render: |settings| line((MYSQL_URL.render)(settings)), ..MYSQL_URL }),
};

fn line(uri: String) -> String {
    format!("DATABASE_URL='{uri}'\n")
}

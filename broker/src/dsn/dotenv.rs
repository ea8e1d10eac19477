//! `DATABASE_URL='postgresql://…'` or `DATABASE_URL='mysql://…'`, for a `.env` file.
//!
//! There is no quoting that all readers of such files agree on, but they agree on single quotes around a
//! text without any special character, and an encoded URI is that.

use crate::dsn::{Parameter, Parameters, Target, uri};

pub(super) fn render(_: &Target<'_>, parameters: &Parameters<'_>) -> String {
    // Whoever reads DATABASE_URL may not be libpq: asyncpg and its like pass a `connect_timeout` on to the
    // server, which refuses it. None but libpq knows `sslnegotiation`.
    let uri = uri::render_without(&[Parameter::ConnectTimeout, Parameter::Sslnegotiation], parameters);
    format!("DATABASE_URL='{uri}'\n")
}

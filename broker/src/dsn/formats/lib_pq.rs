//! A connection URI for lib/pq (<https://pkg.go.dev/github.com/lib/pq#Config>).

use crate::dsn::Value;
use crate::dsn::formats::{LIBPQ, Reader, Spec, TEXT};
use crate::dsn::reader::{ChannelBinding, DirectTls, Pooled, When};

pub(in crate::dsn) const SPEC: Spec = Spec {
    media_type: TEXT,
    postgres: Some(&Reader {
        driver: "lib/pq 1.12",
        channel_binding: ChannelBinding::None,
        // It knows the word, and then does not name the protocol (ALPN) without which servers hang up.
        direct_tls: DirectTls::Error,
        pooled: Pooled::InText(&[("binary_parameters", Value::Text("yes"))]),
        needs: &[(When::SystemRoots, "lib/pq 1.12 for sslrootcert=system")],
        traps: &["before 1.11 it does not know target_session_attrs, and servers refuse it"],
        open: "\
import (
	\"database/sql\"

	_ \"github.com/lib/pq\"
)

db, err := sql.Open(\"postgres\", dsn)",
        ..LIBPQ
    }),
    mysql: None,
};

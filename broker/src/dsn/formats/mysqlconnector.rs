//! A connection string for MySqlConnector (<https://mysqlconnector.net/connection-options/>).

use crate::dsn::Parameter::{
    ApplicationName, ConnectTimeout, Dbname, Host, Password, Port, Sslmode, Sslrootcert, User,
};
use crate::dsn::ado::{self, ado};
use crate::dsn::formats::{MYSQL_URL, Reader, Spec, TEXT};
use crate::dsn::reader::{Modes, Seen, Timeout};

pub(in crate::dsn) const SPEC: Spec = Spec {
    media_type: TEXT,
    postgres: None,
    mysql: Some(&Reader {
        driver: "MySqlConnector 2",
        seen: Seen::InSource,
        says: &[
            (Host, "Server"),
            (Port, "Port"),
            (User, "User ID"),
            (Password, "Password"),
            (Dbname, "Database"),
            (Sslmode, "SSL Mode"),
            (Sslrootcert, "CA Certificate File"),
            (ConnectTimeout, "Connection Timeout"),
            (ApplicationName, "Application Name"),
        ],
        modes: Modes { verify_full: "VerifyFull", verify_ca: Some("VerifyCA"), plaintext: Some("None") },
        timeout: Timeout::InText,
        // It does whenever the server asks, over TLS.
        cleartext: true,
        takes: ado::takes,
        needs: &[],
        traps: &[
            "a server of MariaDB 11.4 or later that nobody vouches for is taken, too, if it proves that it knows the password",
        ],
        open: "\
using MySqlConnector;

await using var dataSource = new MySqlDataSource(dsn);
await using var connection = await dataSource.OpenConnectionAsync();",
        render: ado,
        ..MYSQL_URL
    }),
};

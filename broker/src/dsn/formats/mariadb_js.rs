//! The options of MariaDB's connector for Node (<https://mariadb.com/docs/connectors/mariadb-connector-nodejs>).
//!
//! Where it is given no CA, it takes any certificate of a server that calls itself MariaDB 11.4 or later, and has it
//! prove that it knows the password instead. That is not what was asked for: so the code names the roots that it
//! would trust.

use crate::dsn::Parameter::{ApplicationName, CaPem, ConnectMillis, Dbname, Host, Password, Port, User};
use crate::dsn::formats::{JSON, MYSQL_URL, Reader, Spec};
use crate::dsn::object::object;
use crate::dsn::reader::{Ca, Modes, Timeout, Trusts, When};

pub(in crate::dsn) const SPEC: Spec = Spec { media_type: JSON, postgres: None, mysql: Some(&MARIADB_JS) };

/// Whoever connects with it.
pub(super) const MARIADB_JS: Reader = Reader {
    driver: "mariadb 3.5",
    says: &[
        (Host, "host"),
        (Port, "port"),
        (User, "user"),
        (Password, "password"),
        (Dbname, "database"),
        // What to look for in the certificate: it is `localhost` where the host is an address, until somebody is logged in.
        (Host, "ssl.host"),
        (CaPem, "ssl.ca"),
        (ConnectMillis, "connectTimeout"),
        (ApplicationName, "connectAttributes.program_name"),
    ],
    modes: Modes::ALL,
    ca: Ca::Pem,
    trust: Trusts::Exclusive,
    timeout: Timeout::InText,
    // It does not have to be told to, and does so over TLS only.
    cleartext: true,
    needs: &[(When::Always, "mariadb 3.5.4: earlier ones may answer a server before they have verified it")],
    traps: &[
        "without `ssl.ca` a server that calls itself MariaDB 11.4 or later may have any certificate, if only it knows the password: keep the line that sets it",
        "without a CA of its own, Node's compiled-in roots are trusted, not the system's",
    ],
    open: "import { rootCertificates } from 'node:tls';\nimport mariadb from 'mariadb';\n\nconst options = JSON.parse(dsn);\noptions.ssl.ca ??= rootCertificates;\nconst connection = await mariadb.createConnection(options);",
    render: |settings| object(r#"{"ssl":{"rejectUnauthorized":true}}"#, settings),
    ..MYSQL_URL
};

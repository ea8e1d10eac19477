//! `name="value"`, an option file for the clients of Oracle's MySQL
//! (<https://dev.mysql.com/doc/refman/8.4/en/option-files.html>).
//!
//! Those of MariaDB do not know `ssl-mode` and stop: they have `my-cnf`. Without `ssl-ca` these clients trust nobody. What the
//! sessions call themselves is left out, since these clients do not let one say it.

use crate::dsn::Parameter::{
    CleartextPlugin, ConnectTimeout, Dbname, Host, Password, Port, Sslmode, Sslrootcert, User,
};
use crate::dsn::formats::my_cnf::{MARIADB, option_file};
use crate::dsn::formats::{Reader, Spec, TEXT};
use crate::dsn::reader::{Modes, Roots, Seen};

pub(in crate::dsn) const SPEC: Spec = Spec {
    media_type: TEXT,
    postgres: None,
    mysql: Some(&Reader {
        driver: "the clients of MySQL 8 and 9",
        seen: Seen::InSource,
        says: &[
            (Host, "host"),
            (Port, "port"),
            (User, "user"),
            (Password, "password"),
            (Sslmode, "ssl-mode"),
            (Sslrootcert, "ssl-ca"),
            (CleartextPlugin, "enable-cleartext-plugin"),
            (ConnectTimeout, "connect-timeout"),
            (Dbname, "database"),
        ],
        modes: Modes::MYSQL,
        roots: Roots::Bundle,
        traps: &[
            "a ~/.mylogin.cnf is read, too, and goes before it: --no-login-paths leaves that out, where the client knows it",
        ],
        open: "mysql --defaults-file=/path/where/you/saved/it",
        render: |settings| option_file(settings, "mysql"),
        ..MARIADB
    }),
};

//! What ActiveRecord connects with (<https://guides.rubyonrails.org/configuring.html#configuring-a-database>): a hash for
//! Postgres, as JSON, which is YAML, too; for MySQL the option file of mysql2, and for the same reason.

use crate::dsn::Parameter::{
    ApplicationName, ChannelBinding, ConnectTimeout, Dbname, Host, Password, Port, Sslmode, Sslnegotiation,
    Sslrootcert, TargetSessionAttrs, User,
};
use crate::dsn::Value;
use crate::dsn::formats::ruby_mysql2::MYSQL2;
use crate::dsn::formats::{LIBPQ_ALONE, Reader, Spec, TEXT};
use crate::dsn::object::object;
use crate::dsn::reader::{Pooled, Roots};

pub(in crate::dsn) const SPEC: Spec = Spec {
    media_type: TEXT,
    postgres: Some(&Reader {
        driver: "ActiveRecord 6.1 with pg",
        says: &[
            (Host, "host"),
            (Port, "port"),
            (User, "username"),
            (Password, "password"),
            (Dbname, "database"),
            (Sslmode, "sslmode"),
            (Sslrootcert, "sslrootcert"),
            (Sslnegotiation, "sslnegotiation"),
            (ChannelBinding, "channel_binding"),
            (TargetSessionAttrs, "target_session_attrs"),
            (ConnectTimeout, "connect_timeout"),
            (ApplicationName, "application_name"),
        ],
        roots: Roots::Bundle,
        // Migrations would lock on one server connection, and unlock on another.
        pooled: Pooled::InText(&[
            ("prepared_statements", Value::Flag(false)),
            ("advisory_locks", Value::Flag(false)),
        ]),
        traps: &[
            "the text fits in database.yml as it is",
            "it leaves out what its libpq is too old for, and says nothing: sslnegotiation before 17, channel_binding before 13",
        ],
        open: "require \"active_record\"
require \"json\"

ActiveRecord::Base.establish_connection(JSON.parse(dsn))",
        // In database.yml `<%` would begin a piece of Ruby.
        render: |settings| object(r#"{"adapter":"postgresql"}"#, settings).replace('<', r"\u003c"),
        ..LIBPQ_ALONE
    }),
    mysql: Some(&Reader {
        driver: "ActiveRecord 6.1 with mysql2 0.5 and MariaDB's library",
        traps: &[
            "save the text in a file: that is what default_file names, here and in database.yml",
            "do not pass the same as a hash: with mysql2 0.5.3 and older, such as Debian's, nothing is verified then, whatever ssl_mode says; they warn of it here, too, and yet verify, since the file says so",
        ],
        open: "require \"active_record\"
require \"tempfile\"

# It is read for each connection, so it stays.
DSN_FILE = Tempfile.new(\"dsn\")
DSN_FILE.write(dsn)
DSN_FILE.flush
ActiveRecord::Base.establish_connection(adapter: \"mysql2\", default_file: DSN_FILE.path, ssl_mode: \"verify_identity\")",
        ..MYSQL2
    }),
};

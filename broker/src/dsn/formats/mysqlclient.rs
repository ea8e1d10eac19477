//! What `connect` of mysqlclient takes
//! (<https://mysqlclient.readthedocs.io/user_guide.html#functions-and-attributes>).
//!
//! It is made with libmariadb or libmysqlclient. The second has to be told where the system's roots are, and must be told by
//! its environment that it may show a server the password.

use crate::dsn::Parameter::{ConnectTimeout, Dbname, Host, Password, Port, Sslmode, Sslrootcert, User};
use crate::dsn::formats::{JSON, MYSQL_URL, Reader, Spec};
use crate::dsn::object::object;
use crate::dsn::reader::{Modes, Roots, Timeout, Trusts};

pub(in crate::dsn) const SPEC: Spec = Spec { media_type: JSON, postgres: None, mysql: Some(&MYSQLCLIENT) };

pub(super) const MYSQLCLIENT: Reader = Reader {
    driver: "mysqlclient 2.3",
    says: &[
        (Host, "host"),
        (Port, "port"),
        (User, "user"),
        (Password, "password"),
        (Dbname, "database"),
        (Sslmode, "ssl_mode"),
        (Sslrootcert, "ssl.ca"),
        (ConnectTimeout, "connect_timeout"),
    ],
    // With libmariadb the host name is verified even where it is told VERIFY_CA.
    modes: Modes { verify_ca: None, ..Modes::MYSQL },
    roots: Roots::Bundle,
    trust: Trusts::Exclusive,
    timeout: Timeout::InText,
    // Its libraries take that name for a socket.
    takes: |parameter, value| parameter != Host || value != "localhost",
    traps: &[],
    open: "import json\n\nimport MySQLdb\n\nconnection = MySQLdb.connect(**json.loads(dsn))",
    render: |settings| object("{}", settings),
    ..MYSQL_URL
};

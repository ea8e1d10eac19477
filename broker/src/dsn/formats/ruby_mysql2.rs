//! An option file for mysql2, the gem (<https://github.com/brianmario/mysql2#ssltls-options>).
//!
//! It is a file, since the library below the gem reads it: of a hash with `ssl_mode: :verify_identity`, mysql2 0.5.3 and
//! older only say that they cannot, and talk to whoever answers, without TLS if need be. MariaDB's library goes by
//! `ssl-verify-server-cert`, MySQL's by `ssl-mode`, and neither minds the other's.

use crate::dsn::Parameter::{
    CleartextPlugin, ConnectTimeout, Dbname, Host, Password, Port, Sslmode, Sslrootcert, User,
};
use crate::dsn::Settings;
use crate::dsn::formats::my_cnf::{fits_in_a_line, push};
use crate::dsn::formats::{MYSQL_URL, Reader, Spec, TEXT, is_no_socket};
use crate::dsn::reader::{Modes, Roots, Timeout, Trusts};

pub(in crate::dsn) const SPEC: Spec = Spec { media_type: TEXT, postgres: None, mysql: Some(&MYSQL2) };

/// mysql2, with its library.
pub(super) const MYSQL2: Reader = Reader {
    driver: "mysql2 0.5 with MariaDB's library",
    says: &[
        (Host, "host"),
        (Port, "port"),
        (User, "user"),
        (Password, "password"),
        (Dbname, "database"),
        (Sslrootcert, "ssl-ca"),
        (Sslmode, "ssl-mode"),
        (CleartextPlugin, "enable-cleartext-plugin"),
        (ConnectTimeout, "connect-timeout"),
    ],
    modes: Modes { verify_full: "VERIFY_IDENTITY", verify_ca: None, plaintext: None },
    roots: Roots::Bundle,
    trust: Trusts::Exclusive,
    timeout: Timeout::InText,
    cleartext: true,
    takes: |parameter, value| is_no_socket(parameter, value) && fits_in_a_line(value),
    traps: &[
        "do not pass the same as a hash: mysql2 0.5.3 and older, such as Debian's, verify nothing then, whatever ssl_mode says; they warn of it here, too, and yet verify, since the file says so",
    ],
    open: "require \"mysql2\"
require \"tempfile\"

connection = Tempfile.create(\"dsn\") do |file|
  file.write(dsn)
  file.flush
  Mysql2::Client.new(default_file: file.path, ssl_mode: :verify_identity)
end",
    render,
    ..MYSQL_URL
};

fn render(settings: &Settings<'_>) -> String {
    let mut text = String::with_capacity(512);
    text.push_str("[client]\nssl-verify-server-cert=1\n");
    for (name, value) in settings.expose() {
        push(name, value, &mut text);
    }
    text
}

//! How a user proves who it is, on the server's side.
//!
//! **MariaDB** is given the hash of its `mysql_native_password`, computed here: SHA-1 of SHA-1, without salt. That is
//! weak for what people think up, and not for 32 letters and digits of chance (190 bits), for which nobody finds the
//! preimage; the exchange itself is inside TLS. It is what every driver speaks: MariaDB's `ed25519` is unknown to
//! sqlx, Go's and most of Node's drivers, and takes a curve's arithmetic that ring does not offer. So the password
//! never crosses to the server in the clear, and is in none of its logs.
//!
//! **MySQL** has `mysql_native_password` switched off from 8.4 on. Its `caching_sha2_password` is given the password itself
//! over the verified TLS connection, and the server hashes it; it keeps passwords out of its logs by itself
//! (<https://dev.mysql.com/doc/refman/8.4/en/password-logging.html>), unless it is started with `--log-raw`.

use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};

use crate::engine::mysql::connections::{Flavour, Server};
use crate::engine::mysql::quote::{self, Unquotable};
use crate::secret::Secret;

/// `IDENTIFIED …`, for `CREATE USER`.
pub(super) fn identified(password: &Secret, flavour: Flavour) -> Result<String, Unquotable> {
    Ok(match flavour {
        Flavour::MariaDb => {
            let hash = quote::literal(&native_hash(password))?;
            format!("IDENTIFIED VIA mysql_native_password USING {hash}")
        }
        Flavour::Mysql => {
            format!("IDENTIFIED WITH caching_sha2_password BY {}", quote::literal(password.expose())?)
        }
    })
}

/// Gives a user that is there another password; all else about it stays.
pub(super) fn set(user: &str, password: &Secret, server: &Server) -> Result<String, Unquotable> {
    Ok(format!("ALTER USER {user} {}", identified(password, server.flavour)?))
}

/// Gives the broker's own user, who need not come from everywhere, another password.
///
/// MariaDB 10.11 takes `ALTER USER CURRENT_USER() IDENTIFIED VIA …` and does nothing.
pub(super) fn set_own(password: &Secret, server: &Server) -> Result<String, Unquotable> {
    Ok(match server.flavour {
        Flavour::MariaDb => format!("SET PASSWORD = {}", quote::literal(&native_hash(password))?),
        Flavour::Mysql => format!("ALTER USER CURRENT_USER() {}", identified(password, server.flavour)?),
    })
}

/// `*` and the hash in hexadecimal (<https://mariadb.com/kb/en/authentication-plugin-mysql_native_password/>).
fn native_hash(password: &Secret) -> String {
    let once = digest(&SHA1_FOR_LEGACY_USE_ONLY, password.expose().as_bytes());
    let twice = digest(&SHA1_FOR_LEGACY_USE_ONLY, once.as_ref());
    let hexadecimal: String = twice.as_ref().iter().map(|byte| format!("{byte:02X}")).collect();
    format!("{PREFIX}{hexadecimal}")
}

/// What a hash begins with.
const PREFIX: char = '*';

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_that_of_the_manual() {
        // `SELECT PASSWORD('secret')`
        let hash = native_hash(&Secret::new("secret"));
        assert_eq!(hash, "*14E65567ABDB5135D0CFD9A70B3032C179A49EE7");
    }

    #[test]
    fn mariadb_never_sees_the_password() {
        let password = Secret::new("Pa55word");
        let identified = identified(&password, Flavour::MariaDb).unwrap();
        assert!(!identified.contains("Pa55word") && identified.contains("'*"), "{identified}");
    }
}

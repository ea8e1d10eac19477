//! Lines of Spring Boot's `application.properties` (<https://docs.spring.io/spring-boot/reference/data/sql.html>): the URL is that
//! of pgJDBC or of MariaDB Connector/J, which reads PEM.

use crate::dsn::Parameter::{
    ApplicationName, ChannelBinding, ConnectMillis, ConnectTimeout, Dbname, Host, Password, Port, Sslmode,
    Sslnegotiation, Sslrootcert, User,
};
use crate::dsn::Settings;
use crate::dsn::formats::{Reader, Spec, TEXT, mariadb_connector_j, pgjdbc};
use crate::dsn::reader::Credentials;

pub(in crate::dsn) const SPEC: Spec = Spec {
    media_type: TEXT,
    postgres: Some(&Reader {
        driver: "Spring Boot 4.1 with pgJDBC 42.7",
        says: &[
            (Host, "host"),
            (Port, "port"),
            (User, USERNAME),
            (Password, PASSWORD),
            (Dbname, "dbname"),
            (Sslmode, "sslmode"),
            (Sslrootcert, "sslrootcert"),
            (Sslnegotiation, "sslNegotiation"),
            (ChannelBinding, "channelBinding"),
            (ConnectTimeout, "loginTimeout"),
            (ApplicationName, "ApplicationName"),
        ],
        credentials: Credentials::InText,
        takes: |_, text| !has_placeholder(text),
        open: OPEN,
        render: |settings| properties(settings, pgjdbc::render),
        ..pgjdbc::READER
    }),
    mysql: Some(&Reader {
        driver: "Spring Boot 4.1 with MariaDB Connector/J 4.0",
        says: &[
            (Host, "host"),
            (Port, "port"),
            (User, USERNAME),
            (Password, PASSWORD),
            (Dbname, "dbname"),
            (Sslmode, "sslMode"),
            (Sslrootcert, "serverSslCert"),
            (ConnectMillis, "connectTimeout"),
            (ApplicationName, "connectionAttributes"),
        ],
        credentials: Credentials::InText,
        takes: |parameter, text| !has_placeholder(text) && mariadb_connector_j::takes(parameter, text),
        open: OPEN,
        render: |settings| properties(settings, mariadb_connector_j::render),
        ..mariadb_connector_j::READER
    }),
};

const USERNAME: &str = "spring.datasource.username";
const PASSWORD: &str = "spring.datasource.password";

const OPEN: &str = "\
import javax.sql.DataSource;
import org.springframework.beans.factory.annotation.Autowired;

@Autowired
DataSource dataSource;";

/// Spring would put something else in its place.
fn has_placeholder(text: &str) -> bool {
    text.contains("${")
}

fn properties(settings: &Settings<'_>, url: fn(&Settings<'_>) -> String) -> String {
    let mut text = String::with_capacity(512);
    push(&mut text, "spring.datasource.url", &url(&settings.beside()));
    for (name, parameter) in [(USERNAME, User), (PASSWORD, Password)] {
        settings.text(parameter).with_text(|value| push(&mut text, name, value));
    }
    text
}

/// A line, as `java.util.Properties` reads it: ASCII, and blanks at the ends so that they stay.
fn push(text: &mut String, name: &str, value: &str) {
    text.extend([name, "="]);
    let last = value.chars().count().saturating_sub(1);
    for (place, letter) in value.chars().enumerate() {
        match letter {
            '\\' => text.push_str(r"\\"),
            ' ' if place != 0 && place != last => text.push(' '),
            '!'..='~' => text.push(letter),
            _ => letter
                .encode_utf16(&mut [0; 2])
                .iter()
                .for_each(|unit| text.push_str(&format!("\\u{unit:04x}"))),
        }
    }
    text.push('\n');
}

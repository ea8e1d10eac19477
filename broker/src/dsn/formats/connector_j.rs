//! A URL for MySQL Connector/J
//! (<https://dev.mysql.com/doc/connector-j/en/connector-j-reference-jdbc-url-format.html>). It knows no PEM.

use percent_encoding::{AsciiSet, utf8_percent_encode};

use crate::dsn::Parameter::{self, ApplicationName, ConnectMillis, Dbname, Host, Port, Sslmode, Sslrootcert};
use crate::dsn::formats::{MYSQL_URL, Reader, Spec, TEXT};
use crate::dsn::reader::{Ca, Credentials, Timeout, Trusts};
use crate::dsn::uri::{SPECIAL, uri_of};
use crate::dsn::{Settings, Value};

pub(in crate::dsn) const SPEC: Spec = Spec {
    media_type: TEXT,
    postgres: None,
    mysql: Some(&Reader {
        driver: "MySQL Connector/J 9.7 and 26.10",
        says: &[
            (Host, "host"),
            (Port, "port"),
            (Dbname, "dbname"),
            (Sslmode, "sslMode"),
            (Sslrootcert, STORE),
            (ConnectMillis, "connectTimeout"),
            (ApplicationName, ATTRIBUTES),
        ],
        ca: Ca::Store,
        trust: Trusts::Exclusive,
        timeout: Timeout::InText,
        // It does whenever the server asks, over TLS.
        cleartext: true,
        credentials: Credentials::Beside,
        takes,
        needs: &[],
        traps: &[
            "it reads no PEM: `keytool -importcert -noprompt -alias dsn -file ca.pem -keystore ca.p12 -storetype PKCS12 -storepass changeit` makes the file that `ca_file` names, of the first certificate in ca.pem",
            "the timeout is that of reaching the server",
        ],
        open: super::pgjdbc::OPEN,
        render,
        ..MYSQL_URL
    }),
};

const STORE: &str = "trustCertificateKeyStoreUrl";
const ATTRIBUTES: &str = "connectionAttributes";

fn takes(parameter: Parameter, text: &str) -> bool {
    match parameter {
        // It takes the blanks away after decoding.
        Dbname => text.trim_matches(|letter| letter <= ' ') == text,
        ApplicationName => !text.contains(','),
        _ => true,
    }
}

fn render(settings: &Settings<'_>) -> String {
    let (mut store, mut kind, mut name) = (String::new(), "PKCS12", String::new());
    settings.text(Sslrootcert).with_text(|path| {
        store = file_url(path);
        if path.ends_with(".jks") {
            kind = "JKS";
        }
    });
    settings.text(ApplicationName).with_text(|application| name = format!("program_name:{application}"));
    let mut options: Vec<(&str, Value<'_>)> = Vec::new();
    for (option, value) in settings.options() {
        match option {
            STORE => options.extend([
                (STORE, Value::Text(&store)),
                ("trustCertificateKeyStoreType", Value::Text(kind)),
                // Nothing in it is secret: it is what such files have by custom.
                ("trustCertificateKeyStorePassword", Value::Text("changeit")),
            ]),
            ATTRIBUTES => options.push((ATTRIBUTES, Value::Text(&name))),
            _ => options.push((option, value)),
        }
    }
    uri_of("jdbc:mysql", settings, SPECIAL, options.into_iter())
}

/// `file:///a/b`, and `file:///C:/a/b` for `C:\a\b`.
fn file_url(path: &str) -> String {
    const IN_PATH: &AsciiSet = &SPECIAL.remove(b'/').remove(b':');
    let slashed =
        if path.starts_with('/') { path.to_owned() } else { format!("/{}", path.replace('\\', "/")) };
    format!("file://{}", utf8_percent_encode(&slashed, IN_PATH))
}

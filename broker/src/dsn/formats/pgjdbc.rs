//! A URL for pgJDBC (<https://jdbc.postgresql.org/documentation/use/>). A name or password in it would go before those of
//! a pool, and end up in the messages of errors.

use crate::dsn::Parameter::{
    ApplicationName, ChannelBinding, ConnectTimeout, Dbname, Host, Port, Sslmode, Sslnegotiation, Sslrootcert,
};
use crate::dsn::formats::{LIBPQ, Reader, Spec, TEXT};
use crate::dsn::reader::{Credentials, Pooled, Roots, When};
use crate::dsn::uri::uri;
use crate::dsn::{Settings, Value};

pub(in crate::dsn) const SPEC: Spec = Spec { media_type: TEXT, postgres: Some(&READER), mysql: None };

pub(super) const READER: Reader = Reader {
    driver: "pgJDBC 42.7",
    says: &[
        (Host, "host"),
        (Port, "port"),
        (Dbname, "dbname"),
        (Sslmode, "sslmode"),
        (Sslrootcert, "sslrootcert"),
        (Sslnegotiation, "sslNegotiation"),
        (ChannelBinding, "channelBinding"),
        (ConnectTimeout, "loginTimeout"),
        (ApplicationName, "ApplicationName"),
    ],
    roots: Roots::Silence,
    credentials: Credentials::Beside,
    pooled: Pooled::InText(&[("prepareThreshold", Value::Number(0))]),
    needs: &[
        (When::DirectTls, "pgJDBC 42.7.4 for sslNegotiation=direct, and a server of version 17"),
        (When::ChannelBinding, "pgJDBC 42.7.4 for channelBinding=require"),
    ],
    open: OPEN,
    render,
    ..LIBPQ
};

/// All drivers of JDBC are opened like that.
pub(super) const OPEN: &str = "\
import java.sql.DriverManager;

var connection = DriverManager.getConnection(dsn, user, password);";

pub(super) fn render(settings: &Settings<'_>) -> String {
    let mut url = uri("jdbc:postgresql", settings);
    // It would look for ~/.postgresql/root.crt.
    if settings.text(Sslmode) != Value::Text("disable") && settings.get(Sslrootcert).is_none() {
        url.push_str("&sslfactory=org.postgresql.ssl.DefaultJavaSSLFactory");
    }
    url
}

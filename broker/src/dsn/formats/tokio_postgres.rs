//! A URL for tokio-postgres (<https://docs.rs/tokio-postgres/0.7/tokio_postgres/config/struct.Config.html>). It knows no
//! `verify-full`: whoever does TLS for it verifies, and with the lines here that is rustls, which verifies all.

use crate::dsn::Parameter::{
    self, ApplicationName, ChannelBinding, ConnectTimeout, Dbname, Host, Password, Port, Sslmode,
    Sslnegotiation, TargetSessionAttrs, User,
};
use crate::dsn::formats::{LIBPQ, Reader, Spec, TEXT};
use crate::dsn::reader::{Ca, Modes, Pooled, Roots, Trusts, When};

/// The lines that make `tls`, which verifies the chain and the host name.
macro_rules! tls {
    () => {
        "\
use rustls::pki_types::{CertificateDer, pem::PemObject};
use rustls::{ClientConfig, RootCertStore};
use tokio_postgres_rustls::MakeRustlsConnect;

let trusted = match ca_pem {
    Some(pem) => CertificateDer::pem_slice_iter(pem.as_bytes()).collect::<Result<_, _>>()?,
    None => rustls_native_certs::load_native_certs().certs,
};
let mut roots = RootCertStore::empty();
roots.add_parsable_certificates(trusted);
let mut tls = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
tls.alpn_protocols = vec![b\"postgresql\".to_vec()];
let config: tokio_postgres::Config = dsn.parse()?;
"
    };
}
pub(super) use tls;

pub(in crate::dsn) const SPEC: Spec = Spec { media_type: TEXT, postgres: Some(&READER), mysql: None };

pub(super) const READER: Reader = Reader {
    driver: "tokio-postgres 0.7 with tokio-postgres-rustls 0.14",
    says: &[
        (Host, "host"),
        (Port, "port"),
        (User, "user"),
        (Password, "password"),
        (Dbname, "dbname"),
        (Sslmode, "sslmode"),
        (Sslnegotiation, "sslnegotiation"),
        (ChannelBinding, "channel_binding"),
        (TargetSessionAttrs, "target_session_attrs"),
        (ConnectTimeout, "connect_timeout"),
        (ApplicationName, "application_name"),
    ],
    modes: Modes { verify_full: "require", verify_ca: None, plaintext: Some("disable") },
    roots: Roots::Silence,
    ca: Ca::Code,
    trust: Trusts::InCode,
    takes: known_attrs,
    pooled: Pooled::Needs("PgBouncer 1.21 with max_prepared_statements, or query_typed instead of query"),
    needs: &[
        (
            When::Always,
            "rustls with one crypto provider among its features, or with one installed as the default",
        ),
        (When::DirectTls, "tokio-postgres 0.7.13 for sslnegotiation=direct, and a server of version 17"),
    ],
    traps: &[
        "other drivers that read sslmode=require verify nothing: this text is for these lines, in which rustls verifies",
        "connect_timeout bounds no more than the connection of TCP: the lines bound the rest with it",
    ],
    open: concat!(
        tls!(),
        "\
let limit = config.get_connect_timeout().copied().unwrap_or_default();
let connecting = config.connect(MakeRustlsConnect::new(tls));
let (client, connection) = tokio::time::timeout(limit, connecting).await??;
tokio::spawn(connection);"
    ),
    ..LIBPQ
};

/// libpq's `primary`, `standby` and `prefer-standby` are errors to it.
fn known_attrs(parameter: Parameter, text: &str) -> bool {
    parameter != TargetSessionAttrs || matches!(text, "any" | "read-write" | "read-only")
}

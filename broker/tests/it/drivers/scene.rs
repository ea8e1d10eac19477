//! The servers that drivers are sent to: a right one behind each protocol, three that lead to it and must be refused, and a
//! pooler.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use devstack::{Backend, Ca, Edge, MariaDb, MysqlEdge, Opening, PgBouncer, mysql_edge};
use dsn_broker::dsn::reader::{self, Pooled};
use dsn_broker::dsn::{Format, Language, Mode, RenderError, Target, Trust};
use dsn_broker::model::Protocol;
use dsn_broker::secret::Secret;
use serde_json::json;

use super::{Case, Expected, java, skipped};
use crate::mysql;
use crate::stand::{Stand, record, text};

/// A name that is not `localhost`, which clients of MySQL take for a socket.
pub(super) const MYSQL_HOST: &str = "db.drivers.test";

/// A broker and its servers.
pub(super) struct Scene {
    language: Language,
    stand: Stand,
    mariadb: &'static MariaDb,
    pooler: PgBouncer,
    _postgres: [Edge; 3],
    /// The first leads to MariaDB, and nobody may come through the others.
    mysql: Vec<(&'static str, MysqlEdge)>,
    came: Arc<AtomicUsize>,
}

impl Scene {
    pub(super) async fn start(language: Language) -> Self {
        let (mut settings, mariadb) = mysql::settings().await;
        let (ca, other) = (settings.world.ca().clone(), Ca::generate().unwrap());
        let came = Arc::new(AtomicUsize::new(0));

        let orders = settings.world.orders();
        let upstream = orders.tls_upstream().unwrap();
        let lead = || {
            let (upstream, came) = (upstream.clone(), Arc::clone(&came));
            move |opening: &Opening| {
                came.fetch_add(1, Ordering::Relaxed);
                Backend::new(upstream.clone(), opening)
            }
        };
        let wrong = Edge::builder(&ca.issue(&["other.drivers.test"]).unwrap()).route(lead()).start();
        let untrusted = Edge::builder(&other.issue(&["localhost"]).unwrap()).route(lead()).start();
        let plain = Edge::plaintext().route(lead()).start();
        let (wrong, untrusted, plain) = tokio::try_join!(wrong, untrusted, plain).unwrap();
        for (name, edge) in [("wrong", &wrong), ("untrusted", &untrusted), ("plain", &plain)] {
            settings.config["databases"]["orders"]["endpoints"][name] =
                json!({ "host": "localhost", "port": edge.port() });
        }
        let _postgres = [wrong, untrusted, plain];
        let pooler = PgBouncer::start(&ca, orders, &settings.target).await.unwrap();
        settings.config["databases"]["orders"]["endpoints"]["pooled"] =
            json!({ "host": pooler.host(), "port": pooler.port() });

        let backend = mysql_edge::Backend::of(mariadb).unwrap();
        let lead = || {
            let backend = backend.clone();
            move |opening: &mysql_edge::Opening| mysql_edge::Route::To {
                backend: backend.clone(),
                user: opening.user.clone(),
                database: opening.database.clone(),
                password: None,
            }
        };
        let over_tls = |ca: Ca, name: &'static str| {
            let refusal = mysql_edge::Refusal {
                code: 3159,
                sqlstate: "HY000",
                // No word of what a driver says that looks for what it does not find.
                message: "not like this".to_owned(),
            };
            let (backend, lead) = (backend.clone(), lead());
            async move { MysqlEdge::over_tls(&ca, &[name], refusal, backend, lead).await }
        };
        let (right, wrong, untrusted, plain) = tokio::try_join!(
            over_tls(ca.clone(), MYSQL_HOST),
            over_tls(ca.clone(), "other.drivers.test"),
            over_tls(other, MYSQL_HOST),
            MysqlEdge::plain(backend.clone(), lead()),
        )
        .unwrap();
        let mysql = vec![("right", right), ("wrong", wrong), ("untrusted", untrusted), ("plain", plain)];
        for (name, edge) in &mysql {
            // There are pools that try as long as they may, whatever the server shows them.
            let timeout = if *name == "right" { "10s" } else { "4s" };
            settings.config["databases"]["shop"]["endpoints"][name] =
                json!({ "host": MYSQL_HOST, "port": edge.port(), "connect_timeout": timeout });
        }
        Self { language, stand: Stand::on(settings).await, mariadb, pooler, _postgres, mysql, came }
    }

    /// All connections that the drivers of the language are to make.
    pub(super) async fn cases(&self) -> Vec<Case> {
        let formats = |protocol| {
            let language = self.language;
            Format::for_protocol(protocol).filter(move |format| is_tried(*format, language, protocol))
        };
        let mut cases = Vec::new();
        for format in formats(Protocol::Postgres) {
            for endpoint in ["primary", "wrong", "untrusted", "plain"] {
                let expected = expected(endpoint == "primary");
                cases.push(
                    self.case(format, Protocol::Postgres, "app-orders", "orders-reader", endpoint, expected)
                        .await,
                );
            }
            cases.extend(self.pooled(format).await);
        }
        for format in formats(Protocol::Mysql) {
            for endpoint in ["right", "wrong", "untrusted", "plain"] {
                let expected = expected(endpoint == "right");
                cases.push(
                    self.case(format, Protocol::Mysql, "app-shop", "shop-writer", endpoint, expected).await,
                );
            }
        }
        cases.extend(self.awkward().await);
        cases
    }

    async fn case(
        &self,
        format: Format,
        protocol: Protocol,
        subject: &str,
        role: &str,
        endpoint: &str,
        expected: Expected,
    ) -> Case {
        let caller = self.stand.caller(subject);
        let path = caller.dsn_path(role);
        let ca_path = &self.stand.settings.ca_path;
        let path = path.replace(ca_path.to_str().unwrap(), self.ca_file(format, protocol).to_str().unwrap());
        let path = format!("{path}&format={format}&endpoint={endpoint}");
        let answer = caller.get(&path).await.ok();
        let part = |name: &str| text(&answer["parameters"], name).to_owned();
        Case {
            id: format!("{format} {} {endpoint}", protocol_name(protocol)),
            format,
            protocol: protocol_name(protocol),
            dsn: text(&answer, "dsn").to_owned(),
            code: text(&answer, "code").to_owned(),
            user: part("user"),
            password: part("password"),
            ca_pem: answer["ca_pem"].as_str().map(str::to_owned),
            parameters: answer["parameters"].clone(),
            pooled: false,
            expected,
        }
    }

    /// Through the pooler, whose next transactions take turns at two server connections.
    async fn pooled(&self, format: Format) -> Option<Case> {
        if let Pooled::Needs(version) = format.reader(Protocol::Postgres)?.pooled {
            skipped(&format!("{format} pooled"), &format!("it needs {version}"));
            return None;
        }
        let case = self
            .case(format, Protocol::Postgres, "app-orders", "orders-reader", "pooled", Expected::Session)
            .await;
        assert!(!case.dsn.contains("channel"), "poolers bind none: {format}");
        self.pooler.fill(&case.user, &case.password).await.unwrap();
        Some(Case { pooled: true, ..case })
    }

    /// Names and secrets that providers give out and that mean something to someone: the broker has no say in them.
    async fn awkward(&self) -> Vec<Case> {
        let unique = &self.stand.settings.target;
        let dbname = format!("Bücher & Töne 50% {unique}");
        let orders = self.stand.settings.world.orders();
        orders.execute("postgres", &format!("create database \"{dbname}\"")).await.unwrap();
        self.mariadb.execute("", &format!("create database `{dbname}`")).await.unwrap();
        let mut cases = Vec::new();
        for (user, password) in awkward_users() {
            let (user, password) = (format!("{user}{unique}"), Secret::new(password));
            record::secret(password.expose());
            let sql =
                format!("create role \"{user}\" login password '{}'", password.expose().replace('\'', "''"));
            orders.execute("postgres", &sql).await.unwrap();
            let quoted = password.expose().replace('\\', r"\\").replace('\'', r"\'");
            let sql = format!(
                "create user `{user}` identified by '{quoted}' require ssl; grant select on `{dbname}`.* to `{user}`"
            );
            self.mariadb.execute("", &sql).await.unwrap();
            for (protocol, host, port) in [
                (Protocol::Postgres, "localhost", orders.port()),
                (Protocol::Mysql, MYSQL_HOST, self.right().port()),
            ] {
                let formats = Format::for_protocol(protocol);
                for format in formats.filter(|format| is_tried(*format, self.language, protocol)) {
                    let ca_file = self.ca_file(format, protocol);
                    let target = Target {
                        database: &"orders".parse().unwrap(),
                        protocol,
                        host,
                        port,
                        dbname: &dbname,
                        username: &user,
                        password: &password,
                        trust: Trust::Private { pem: self.stand.settings.world.ca().pem() },
                        ca_file: ca_file.to_str(),
                        bundle: None,
                        mode: Mode::VerifyFull,
                        application_name: "drivers test/1+x",
                        connect_timeout: Duration::from_secs(20),
                        direct_tls: false,
                        pooled: false,
                        target_session_attrs: None,
                        channel_binding: false,
                        cleartext: false,
                    };
                    cases.extend(rendered(format, &target, Expected::Session));
                    if user.starts_with(FIRST_USER) {
                        let bundle = Some("/etc/ssl/certs/ca-certificates.crt");
                        let target = Target { trust: Trust::System, ca_file: None, bundle, ..target };
                        cases.extend(rendered(format, &target, Expected::Refused).map(|case| Case {
                            // The right server, but no authority that the system trusts has signed for it.
                            id: format!("{} by the system's roots", case.id),
                            ..case
                        }));
                    }
                }
            }
        }
        cases
    }

    /// Where the CA is, as the driver of a format wants to have it.
    fn ca_file(&self, format: Format, protocol: Protocol) -> PathBuf {
        let pem = &self.stand.settings.ca_path;
        match format.reader(protocol).unwrap().ca {
            reader::Ca::Store => java::trust_store(pem),
            _ => pem.clone(),
        }
    }

    /// The way to MariaDB by a name that is not `localhost`.
    fn right(&self) -> &MysqlEdge {
        &self.mysql[0].1
    }

    /// Nobody asked for a session, still less got one, where something was not right.
    pub(super) fn nobody_came_in_where_nobody_may(&self) {
        assert_eq!(
            self.came.load(Ordering::Relaxed),
            0,
            "somebody told a wrong server of Postgres who they are"
        );
        for (name, edge) in &self.mysql[1..] {
            assert_eq!(edge.opened(), 0, "somebody came in through `{name}` of MariaDB");
        }
    }

    pub(super) async fn stop(self) {
        self.stand.stop().await;
    }
}

fn protocol_name(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Postgres => "postgres",
        Protocol::Mysql => "mysql",
    }
}

fn expected(right: bool) -> Expected {
    if right { Expected::Session } else { Expected::Refused }
}

/// Whether the lines of a format are for the program of this language: some texts are for whoever knows what to do.
pub(super) fn is_tried(format: Format, language: Language, protocol: Protocol) -> bool {
    let has_lines = format.reader(protocol).is_some_and(|reader| !reader.open.is_empty());
    format.language() == language && has_lines && !format.is_for_proxies()
}

/// A target in a format, if that can say it.
pub(super) fn rendered(format: Format, target: &Target<'_>, expected: Expected) -> Option<Case> {
    let rendered = match format.render(target) {
        Ok(rendered) => rendered,
        Err(RenderError::NotInFormat { .. }) => return None,
        Err(error) => panic!("{format}: {error}"),
    };
    Some(Case {
        id: format!("{format} {:?} {}", target.protocol, target.username),
        format,
        protocol: protocol_name(target.protocol),
        dsn: rendered.text.expose().to_owned(),
        code: rendered.code.to_owned(),
        user: target.username.to_owned(),
        password: target.password.expose().to_owned(),
        ca_pem: rendered.ca_pem.map(str::to_owned),
        parameters: rendered
            .parameters
            .expose_by_keyword()
            .map(|(name, value)| (name.to_owned(), json!(value)))
            .collect(),
        pooled: false,
        expected,
    })
}

/// How the first of them begins.
const FIRST_USER: &str = "app.x|replica#";

/// How users begin, and their passwords: all that is special to someone, base64, a token of RDS, and one as long as a JWT.
fn awkward_users() -> [(&'static str, String); 4] {
    [
        (FIRST_USER, r#"Ab+c/d=e@f:g%h?i#j&k!l $m'n"o\p;q,r[s]{t}|u<v>w`"#.to_owned()),
        ("b64+user=", "q+Z/7w==:a@b%41".to_owned()),
        (
            "rds ",
            "db.example.com:5432/?Action=connect&DBUser=app&X-Amz-Expires=900&X-Amz-Date=a%2Fb".to_owned(),
        ),
        ("token ", format!("{}.{}.{}", "aB3-".repeat(30), "_xY9".repeat(250), "zZ-0".repeat(60))),
    ]
}

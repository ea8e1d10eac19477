//! Every format is read back by a parser that is not ours.

mod golden;
mod libpq;
mod mysql;
mod named;
mod pgpass;
mod shell;
mod strings;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use dsn_broker::dsn::{Format, Language, Mode, RenderError, Target, Trust};
use dsn_broker::model::Protocol;
use dsn_broker::secret::Secret;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};

/// What the text of a format says, read by someone else: parameters by libpq's names.
type Read = BTreeMap<String, String>;

/// How many targets each format has to survive.
const CASES: usize = 300;

#[derive(Clone, Debug)]
struct Case {
    protocol: Protocol,
    host: String,
    port: u16,
    dbname: String,
    username: String,
    password: String,
    application_name: String,
    ca_file: Option<String>,
    connect_timeout: u64,
    target_session_attrs: Option<String>,
    channel_binding: bool,
}

#[test]
fn every_format_is_read_back_by_an_independent_parser() {
    let protocols = [Protocol::Postgres, Protocol::Mysql];
    let formats =
        protocols.map(|protocol| Format::for_protocol(protocol).map(move |format| (protocol, format)));
    let formats: Vec<_> = formats.into_iter().flatten().collect();
    assert!(Format::ALL.iter().all(|format| formats.iter().any(|(_, found)| found == format)));
    for (protocol, format) in formats {
        let mut runner = TestRunner::new(Config {
            cases: 1,
            max_shrink_iters: 40,
            failure_persistence: None,
            ..Config::default()
        });
        // The whole list in one process of the reader; a failure shrinks to the target that fails.
        let outcome = runner.run(&vec(case(protocol), CASES), |mut cases| {
            cases.push(worst(protocol));
            if matches!(format, Format::QuerycopEnv | Format::MyCnf | Format::MysqlCnf)
                || (format == Format::Shell && protocol == Protocol::Mysql)
            {
                cases
                    .iter_mut()
                    .for_each(|case| case.ca_file = case.ca_file.take().or(Some("/x".to_owned())));
            }
            if format.language() != Language::Tools {
                for case in &mut cases {
                    // No reader but libpq knows of zones.
                    case.host = case.host.replace("%eth0", "");
                    prop_assert_eq!(named::read(case, format), named::expected(case, format));
                }
                return Ok(());
            }
            if format == Format::PgService {
                let (held, refused): (Vec<_>, Vec<_>) = cases.into_iter().partition(Case::has_no_blank_ends);
                prop_assert!(refused.iter().all(|case| case.try_render(format).is_err()));
                cases = held;
            }
            let (texts, expected): (Vec<_>, Vec<_>) = match format {
                Format::Pgpass => return read_pgpass(&cases),
                _ => cases.iter().map(|case| (case.render(format), case.expected(format))).unzip(),
            };
            for (read, expected) in read(protocol, format, &texts).into_iter().zip(expected) {
                prop_assert_eq!(read, expected);
            }
            Ok(())
        });
        outcome.unwrap_or_else(|error| panic!("{protocol:?} {format}: {error}"));
    }
}

#[test]
fn the_uri_is_a_url_to_everyone_else_too() {
    let config = ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(case in case(Protocol::Postgres))| {
        let expected = case.expected(Format::Uri);
        let url = url::Url::parse(&case.render(Format::Uri)).unwrap();
        let decoded = |text: &str| percent_decoded(text);
        prop_assert_eq!(url.scheme(), "postgresql");
        prop_assert_eq!(&decoded(url.username()), &expected["user"]);
        prop_assert_eq!(&decoded(url.password().unwrap()), &expected["password"]);
        let host = url.host_str().unwrap().trim_matches(['[', ']']).to_owned();
        prop_assert!(host == case.host || host.parse::<Ipv6Addr>().ok() == case.host.parse().ok());
        prop_assert_eq!(url.port().unwrap().to_string(), &expected["port"][..]);
        prop_assert_eq!(&decoded(&url.path()[1..]), &expected["dbname"]);
        for (key, value) in url.query_pairs() {
            prop_assert_eq!(&value, &expected[&*key]);
        }
        prop_assert_eq!(url.query_pairs().count() + 5, expected.len());
        prop_assert_eq!(url.fragment(), None);
    });
}

#[test]
fn a_star_in_a_password_file_stands_for_itself() {
    let trap = pgpass::Trap::open();
    let case =
        |dbname: &str| Case { port: trap.port(), dbname: dbname.to_owned(), ..worst(Protocol::Postgres) };
    let line = case("*").render(Format::Pgpass);
    libpq::connect(&[(&case("other"), line.clone()), (&case("*"), line)]);
    let passwords = trap.passwords();
    assert_ne!(passwords[0], case("*").password);
    assert_eq!(passwords[1], case("*").password);
}

/// The reader of each format.
fn read(protocol: Protocol, format: Format, texts: &[String]) -> Vec<Read> {
    match (protocol, format) {
        (_, Format::Json) => libpq::read_json(texts),
        (Protocol::Mysql, Format::Uri) => mysql::read_uris(texts),
        (Protocol::Mysql, Format::Dotenv) => mysql::read_uris(&shell::read_dotenv(texts)),
        (_, Format::QuerycopEnv) => shell::read_querycop_env(texts),
        (_, Format::MyCnf | Format::MysqlCnf) => mysql::read_option_files(texts),
        (_, Format::PgService) => libpq::read_services(texts),
        (_, Format::Shell) => shell::read_commands(protocol, texts),
        (_, Format::Uri | Format::Keyword) => libpq::read(texts),
        (_, Format::Env) => shell::read_env(texts),
        (_, Format::Dotenv) => libpq::read(&shell::read_dotenv(texts)),
        (_, Format::Pgpass) => unreachable!("a password file answers a question: see `read_pgpass`"),
        _ => unreachable!("{format} is named after a driver: see `named`"),
    }
}

/// libpq looks its password up while it connects, so it has to connect to something.
fn read_pgpass(cases: &[Case]) -> Result<(), TestCaseError> {
    let trap = pgpass::Trap::open();
    let cases: Vec<_> = cases.iter().map(|case| Case { port: trap.port(), ..case.clone() }).collect();
    let lines: Vec<_> = cases.iter().map(|case| (case, case.render(Format::Pgpass))).collect();
    libpq::connect(&lines);
    let passwords: Vec<_> = cases.iter().map(|case| case.password.clone()).collect();
    prop_assert_eq!(trap.passwords(), passwords);
    Ok(())
}

impl Case {
    fn render(&self, format: Format) -> String {
        self.try_render(format).unwrap()
    }

    fn try_render(&self, format: Format) -> Result<String, RenderError> {
        let database = "orders".parse().unwrap();
        let password = Secret::new(self.password.as_str());
        let target = Target {
            database: &database,
            protocol: self.protocol,
            host: &self.host,
            port: self.port,
            dbname: &self.dbname,
            username: &self.username,
            password: &password,
            trust: Trust::System,
            ca_file: self.ca_file.as_deref(),
            bundle: None,
            mode: Mode::VerifyFull,
            application_name: &self.application_name,
            connect_timeout: Duration::from_secs(self.connect_timeout),
            // The library that reads this back may be older than 17.
            direct_tls: false,
            pooled: false,
            target_session_attrs: self.target_session_attrs.as_deref(),
            channel_binding: self.channel_binding,
            cleartext: false,
        };
        format.render(&target).map(|rendered| rendered.text.expose().to_owned())
    }

    /// Whether a format without quotes can hold it.
    fn has_no_blank_ends(&self) -> bool {
        let Self { dbname, username, password, application_name, ca_file, .. } = self;
        let texts = [dbname, username, password, application_name].into_iter().chain(ca_file);
        texts.into_iter().all(|text| text.trim() == text && !text.ends_with(is_blank_in_part))
    }

    fn expected(&self, format: Format) -> Read {
        if format == Format::QuerycopEnv {
            return self.expected_by_querycop();
        }
        if self.protocol == Protocol::Mysql {
            return mysql::expected(self, format);
        }
        let mut expected: Read = [
            ("host", self.host.clone()),
            ("port", self.port.to_string()),
            ("user", self.username.clone()),
            ("password", self.password.clone()),
            ("dbname", self.dbname.clone()),
            ("sslmode", "verify-full".to_owned()),
            ("sslrootcert", self.ca_file.clone().unwrap_or_else(|| "system".to_owned())),
            ("application_name", self.application_name.clone()),
        ]
        .map(|(key, value)| (key.to_owned(), value))
        .into();
        if format != Format::Dotenv {
            expected.insert("connect_timeout".to_owned(), self.connect_timeout.to_string());
        }
        if matches!(format, Format::Keyword | Format::Env | Format::PgService | Format::Shell) {
            expected.insert("gssencmode".to_owned(), "disable".to_owned());
        }
        let attrs = self.target_session_attrs.clone();
        expected.extend(attrs.map(|attrs| ("target_session_attrs".to_owned(), attrs)));
        if self.channel_binding && format != Format::Dotenv {
            expected.insert("channel_binding".to_owned(), "require".to_owned());
        }
        expected
    }
}

impl Case {
    fn expected_by_querycop(&self) -> Read {
        [
            ("HOST", self.host.clone()),
            ("PORT", self.port.to_string()),
            ("TLS_MODE", "verify-full".to_owned()),
            ("TLS_CA_FILE", self.ca_file.clone().unwrap()),
            ("TLS_SERVER_NAME", self.host.clone()),
        ]
        .map(|(key, value)| (format!("GATEKEEPER_BACKEND_{key}"), value))
        .into()
    }
}

/// Whether its last byte is a blank to the C library of some systems: U+0085 and U+00A0, as they stand in Latin-1.
fn is_blank_in_part(letter: char) -> bool {
    matches!(letter.to_string().as_bytes().last(), Some(0x85 | 0xa0))
}

fn case(protocol: Protocol) -> impl Strategy<Value = Case> {
    let host = prop_oneof![
        "[a-z0-9][a-z0-9.-]{0,30}",
        any::<Ipv4Addr>().prop_map(|address| address.to_string()),
        any::<Ipv6Addr>().prop_map(|address| address.to_string()),
    ];
    let ca_file = prop_oneof![r"/\PC{0,30}", r"[A-Za-z]:[/\\]\PC{0,30}", r"(/|C:\\)\PC{0,30}\.(p12|jks)"];
    let ca_file = proptest::option::of(ca_file);
    let attrs = match protocol {
        Protocol::Postgres => proptest::option::of("any|read-write|prefer-standby").boxed(),
        Protocol::Mysql => Just(None).boxed(),
    };
    let dbname = text().prop_filter("a step in a path", |dbname| dbname != "." && dbname != "..");
    let binding = match protocol {
        Protocol::Postgres => any::<bool>().boxed(),
        Protocol::Mysql => Just(false).boxed(),
    };
    (host, 1_u16.., dbname, text(), text(), text(), ca_file, 1..1000_u64, attrs, binding).prop_map(
        move |(
            host,
            port,
            dbname,
            username,
            password,
            application_name,
            ca_file,
            connect_timeout,
            attrs,
            channel_binding,
        )| Case {
            protocol,
            host,
            port,
            dbname,
            username,
            password,
            application_name,
            ca_file,
            connect_timeout,
            target_session_attrs: attrs,
            channel_binding,
        },
    )
}

/// All that can be printed, with what is special to someone much more often than chance would have it.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        r"\PC{1,24}",
        "[ -~]{1,40}",
        r#"[+/=@:%?#&! $'"\\;,\[\]{}|<>`*~()^_.-]{1,16}"#,
        "[A-Za-z0-9]{32}"
    ]
}

/// What the drivers were tried with, and what means something else to a password file.
fn worst(protocol: Protocol) -> Case {
    Case {
        protocol,
        // Readers of URLs that are not libpq do not know of zones.
        host: if protocol == Protocol::Postgres { "fe80::1%eth0" } else { "fe80::1" }.to_owned(),
        port: 65535,
        dbname: "*".to_owned(),
        username: "#app.x|replica".to_owned(),
        password: r#"Ab+c/d=e@f:g%h?i#j&k!l $m'n"o\p;q,r[s]{t}|u<v>w`"#.to_owned(),
        application_name: r"broker test/1+x\".to_owned(),
        ca_file: Some(r"/a b/'c'\d.pem".to_owned()),
        connect_timeout: 1,
        target_session_attrs: None,
        channel_binding: protocol == Protocol::Postgres,
    }
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(if byte == b'%' {
            let digits: String = rest.by_ref().take(2).map(char::from).collect();
            assert_eq!(digits, digits.to_uppercase());
            u8::from_str_radix(&digits, 16).unwrap()
        } else {
            byte
        });
    }
    String::from_utf8(bytes).unwrap()
}

//! The page "Connect with …" (`broker/connect.md`): what is known of each format, from the data that the broker goes by.

use std::time::Duration;

use crate::dsn::reader::{
    Ca, Capabilities, ChannelBinding, Credentials, DirectTls, Pooled, Reader, Roots, Seen, Timeout, Trusts,
    When,
};
use crate::dsn::refused::{self, Refused};
use crate::dsn::{Format, Language, Mode, Target, Trust};
use crate::model::Protocol;
use crate::secret::Secret;

/// The page, Markdown.
pub fn page() -> String {
    let mut blocks = vec![INTRODUCTION.to_owned(), contents()];
    for language in Language::ALL {
        let formats: Vec<_> = Format::ALL.iter().filter(|format| format.language() == *language).collect();
        if !formats.is_empty() {
            blocks.push(format!("## {}", language.title()));
            formats.into_iter().for_each(|format| push_format(&mut blocks, *format));
        }
    }
    if !refused::ALL.is_empty() {
        blocks.push("## Not offered".to_owned());
        blocks.push("Asking for one of these answers why, and what to use.".to_owned());
        blocks.push(list(
            refused::ALL
                .iter()
                .map(|Refused { name, why, instead }| format!("`{name}`: {why}. Use `{instead}`")),
        ));
    }
    blocks.join("\n\n") + "\n"
}

/// A link to each format.
fn contents() -> String {
    let of = |language: &Language| {
        let formats = Format::ALL.iter().filter(|format| format.language() == *language);
        let links: Vec<_> = formats.map(|format| format!("[{format}](#{format})")).collect();
        format!("- {}: {}", language.title(), links.join(" · "))
    };
    Language::ALL.iter().map(of).collect::<Vec<_>>().join("\n")
}

fn push_format(blocks: &mut Vec<String>, format: Format) {
    blocks.push(format!("### {format}"));
    blocks.push(format!("`format={format}`: {}.", format.help()));
    for protocol in [Protocol::Postgres, Protocol::Mysql] {
        if let Some(reader) = format.reader(protocol) {
            push_reader(blocks, format, protocol, reader);
        }
    }
}

fn push_reader(blocks: &mut Vec<String>, format: Format, protocol: Protocol, reader: &Reader) {
    let seen = match reader.seen {
        Seen::ByTests => "run by the tests of this project",
        Seen::ByHand => "tried by hand on real servers, not run by the tests",
        Seen::InSource => "**never tried**: read in its source",
    };
    blocks.push(format!("**{}**: {} ({seen}).", protocol.as_str(), reader.driver));
    blocks.push(format!("```text\n{}\n```", example(format, protocol, reader).trim_end()));
    for (place, lines) in [
        (None, Some(reader.open).filter(|lines| !lines.is_empty())),
        (Some("Where the CA is a private one:"), reader.open_private),
        (Some("Where the server is shown a token itself (`mysql_clear_password`):"), reader.open_cleartext),
        (Some("At a pooled endpoint:"), reader.open_pooled()),
    ] {
        if let Some(lines) = lines {
            blocks.extend(place.map(str::to_owned));
            blocks.push(format!("```{}\n{lines}\n```", format.language().fence()));
        }
    }
    if let Pooled::InText(pairs) = reader.pooled {
        let names: Vec<_> = pairs.iter().map(|(name, _)| format!("`{name}`")).collect();
        blocks.push(format!("At a pooled endpoint the text also has {}.", names.join(" and ")));
    }
    blocks.push(if reader.ca == Ca::Elsewhere || format.is_for_proxies() {
        "What it says is not how its reader verifies a server for you.".to_owned()
    } else {
        format!("Verified: certificate and host name. {}.", sentence(&facts(reader).join("; ")))
    });
    let pooler = match reader.pooled {
        Pooled::Needs(need) => Some(need),
        _ => None,
    };
    let is_said = |when: &When| match when {
        When::Always => true,
        When::SystemRoots => matches!(reader.roots, Roots::Word(_)),
        When::DirectTls => reader.direct_tls == DirectTls::Yes,
        When::ChannelBinding => reader.channel_binding == ChannelBinding::Enforced,
    };
    let needs = reader.needs.iter().filter(|(when, _)| is_said(when)).map(|(_, need)| *need).chain(pooler);
    let lines =
        needs.map(|need| format!("Needs {need}")).chain(reader.traps.iter().map(|trap| sentence(trap)));
    blocks.extend(Some(list(lines)).filter(|list| !list.is_empty()));
}

fn facts(reader: &Reader) -> Vec<&'static str> {
    let Capabilities { channel_binding, direct_tls, timeout, ca, credentials } = reader.capabilities();
    let ca = match ca {
        Trusts::Exclusive => "a private CA is the only one it trusts",
        Trusts::Additive => "a private CA is trusted besides the system's roots",
        Trusts::InCode => "what is trusted is for the code to say",
    };
    let binding = match channel_binding {
        ChannelBinding::Enforced => Some("channel binding is enforced where the endpoint has it"),
        ChannelBinding::Opportunistic => {
            Some("channel binding is used where the server offers it, and not insisted on")
        }
        ChannelBinding::None => None,
    };
    let direct = (direct_tls == DirectTls::Yes).then_some("begins with TLS where the endpoint says so");
    let timeout = match timeout {
        Timeout::InText => "the timeout is in the text",
        Timeout::InCode => "a timeout is for the code to set",
    };
    let beside = "`user` and `password` are in `parameters` of the answer, not in the text";
    let beside = (credentials == Credentials::Beside).then_some(beside);
    let name = "refused where the host is an IP address, since it would look for another name";
    let name = (!reader.addresses).then_some(name);
    [Some(ca), binding, direct, Some(timeout), beside, name].into_iter().flatten().collect()
}

fn list(lines: impl Iterator<Item = String>) -> String {
    lines.map(|line| format!("- {line}.")).collect::<Vec<_>>().join("\n")
}

/// What the broker would answer, or why it would not.
fn example(format: Format, protocol: Protocol, reader: &Reader) -> String {
    let (Ok(database), password) = ("orders".parse(), Secret::new("PASSWORD")) else { return String::new() };
    let target = Target {
        database: &database,
        protocol,
        host: "db.example.com",
        port: protocol.port(),
        dbname: "orders",
        username: "USER",
        password: &password,
        trust: Trust::Private { pem: "-----BEGIN CERTIFICATE-----…" },
        ca_file: Some(match reader.ca {
            Ca::Store => "/etc/dsn/ca.p12",
            _ => "/etc/dsn/ca.pem",
        }),
        bundle: None,
        mode: Mode::VerifyFull,
        application_name: "orders-reader",
        connect_timeout: Duration::from_secs(10),
        direct_tls: false,
        pooled: false,
        target_session_attrs: None,
        channel_binding: false,
        cleartext: false,
    };
    format
        .render(&target)
        .map_or_else(|error| error.to_string(), |rendered| rendered.text.expose().to_owned())
}

fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

const INTRODUCTION: &str = "\
<!-- Generated by `make generate` from broker/src/dsn: do not edit. -->
# Connect with …

Ask with `format=` for the text that your driver takes as it stands, and give it to the lines below, which are also in the
answer (`code`): `GET /v1/dsn/orders-reader?format=psycopg&ca_file=/etc/dsn/ca.pem`. In them `dsn` is the text, `user` and `password` are
those of `parameters`, and `ca_pem` is the CA of the answer, or nothing where the system's roots are trusted.

Where the database has a private CA, `ca_file=` says where the program will find it (`GET /v1/databases/{name}/ca.pem` has it); formats
that carry the CA do without. Where it has a certificate that all systems trust, say nothing, or `os=debian` (`rhel`, `alpine`, `macos`, …) for
drivers that have to be told the file. What a format cannot say is refused, with one that can.

Texts and lines are those of a private CA. They are run by tests, unless it says otherwise.";

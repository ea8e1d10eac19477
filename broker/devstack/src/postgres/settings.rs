//! The server's configuration.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::builder::{ClockOffset, Part, Prefix};
use crate::ca::IssuedFiles;
use crate::port;

/// What is added to `postgresql.conf`: a later line wins over an earlier one.
pub(super) fn server(tls: Option<&IssuedFiles>, durable: bool, further: &[(String, String)]) -> String {
    let mut text = String::from(BASE);
    let mut set = |name: &str, value: &str| {
        // Writing to a `String` cannot fail.
        let _ = writeln!(text, "{name} = '{}'", value.replace('\'', "''"));
    };
    set("listen_addresses", if port::has_ipv6() { "127.0.0.1,::1" } else { "127.0.0.1" });
    if let Some(files) = tls {
        set("ssl", "on");
        set("ssl_cert_file", &files.certificate.to_string_lossy());
        set("ssl_key_file", &files.key.to_string_lossy());
    }
    if !durable {
        // A commit still survives a kill of the server, since it reaches the kernel.
        set("fsync", "off");
        set("full_page_writes", "off");
    }
    for (name, value) in further {
        set(name, value);
    }
    text
}

/// All of `pg_hba.conf`. The socket is in a folder that is closed to others: who gets there is one of us.
pub(super) fn access(tls: bool, behind_edge: bool) -> String {
    let mut text = String::from("local all all trust\n");
    text.push_str(if tls {
        "hostssl all all all scram-sha-256\n"
    } else {
        "host all all all scram-sha-256\n"
    });
    if tls && behind_edge {
        text.push_str("hostnossl all all 127.0.0.1/32 scram-sha-256\n");
    }
    text
}

/// What to put in front of the server's command so that its clock is off.
pub(super) fn clock(offset: ClockOffset) -> anyhow::Result<Prefix> {
    let (sign, distance) = match offset {
        ClockOffset::Ahead(distance) => ('+', distance),
        ClockOffset::Behind(distance) => ('-', distance),
    };
    let library = faketime().context("no libfaketime on this machine: apt-get install libfaketime")?;
    Ok(vec![
        "env".into(),
        format!("LD_PRELOAD={}", library.display()).into(),
        format!("FAKETIME={sign}{}s", distance.as_secs()).into(),
        // Waits and time-outs keep their length.
        "FAKETIME_DONT_FAKE_MONOTONIC=1".into(),
        "FAKETIME_NO_CACHE=1".into(),
    ])
}

/// What to put in front of the server's command so that a part of it is on the disk of its folder: it is moved there
/// at the first start.
pub(super) fn on_disk(part: Part, folder: &Path) -> Prefix {
    let name = match part {
        Part::Tables => "base",
        Part::Log => "pg_wal",
    };
    let (here, there) = (folder.join("data").join(name), folder.join("disk").join(name));
    let mut words: Prefix = ["sh", "-c", MOVE, "devstack-move"].map(OsString::from).to_vec();
    words.extend([here.into_os_string(), there.into_os_string()]);
    words
}

fn faketime() -> Option<PathBuf> {
    let per_architecture = fs::read_dir("/usr/lib").into_iter().flatten().flatten().map(|entry| entry.path());
    std::iter::once(PathBuf::from("/usr/lib"))
        .chain(per_architecture)
        .map(|folder| folder.join("faketime/libfaketime.so.1"))
        .find(|library| library.is_file())
}

const MOVE: &str = r#"
[ -L "$1" ] || { cp -a "$1" "$2" && rm -r "$1" && ln -s "$2" "$1"; } || exit
shift 2
exec "$@"
"#;

const BASE: &str = "
# devstack
password_encryption = 'scram-sha-256'
max_connections = 300
shared_buffers = '32MB'
# Files in the data folder, so that nothing is left in /dev/shm after a kill.
dynamic_shared_memory_type = 'mmap'
logging_collector = off
log_line_prefix = '%m [%p] %q%u@%d %a '
log_timezone = 'UTC'
timezone = 'UTC'
";

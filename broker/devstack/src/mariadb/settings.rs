//! The server's settings, as words of its command: a later one wins over an earlier one.

use std::ffi::OsString;
use std::path::Path;

use crate::ca::IssuedFiles;
use crate::port;

/// Where it is; these come first, since `--no-defaults` must.
pub(super) fn place(folder: &Path, port: u16) -> Vec<OsString> {
    let mut words = vec![OsString::from("--no-defaults"), format!("--port={port}").into()];
    for (name, path) in
        [("datadir", "data"), ("socket", "socket"), ("pid-file", "pid"), ("tmpdir", "temporary")]
    {
        words.push(format!("--{name}={}", folder.join(path).display()).into());
    }
    words
}

/// How it is.
pub(super) fn server(tls: Option<&IssuedFiles>, durable: bool, further: &[(String, String)]) -> Vec<String> {
    let mut words: Vec<String> = BASE.iter().map(|&word| word.to_owned()).collect();
    let addresses = if port::has_ipv6() { "127.0.0.1,::1" } else { "127.0.0.1" };
    words.push(format!("--bind-address={addresses}"));
    if let Some(files) = tls {
        words.push("--require-secure-transport=ON".to_owned());
        words.push(format!("--ssl-cert={}", files.certificate.display()));
        words.push(format!("--ssl-key={}", files.key.display()));
    }
    if !durable {
        words.extend(FORGETFUL.iter().map(|&word| word.to_owned()));
    }
    words.extend(further.iter().map(|(name, value)| format!("--{name}={value}")));
    words
}

const BASE: &[&str] = &[
    // Hosts of users are patterns of addresses, and nobody is asked what this machine is called.
    "--skip-name-resolve",
    "--skip-log-bin",
    "--performance-schema=OFF",
    "--character-set-server=utf8mb4",
    "--collation-server=utf8mb4_general_ci",
    "--default-time-zone=+00:00",
    "--max-connections=300",
    "--innodb-buffer-pool-size=16M",
    "--innodb-log-file-size=8M",
    "--aria-pagecache-buffer-size=8M",
    "--key-buffer-size=1M",
    "--query-cache-size=0",
    // Its rings count against a limit of locked memory that containers set low.
    "--innodb-use-native-aio=OFF",
];

/// A commit still survives a kill of the server, since it reaches the kernel.
const FORGETFUL: &[&str] =
    &["--innodb-flush-log-at-trx-commit=2", "--innodb-flush-method=nosync", "--debug-no-sync"];

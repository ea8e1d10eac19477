//! Shells as readers: each text is sourced by `sh` and by `bash`, in an environment that is against it.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use dsn_broker::model::Protocol;

use super::{Read, libpq};

/// What `PG*` variables a program started afterwards would see.
pub(super) fn read_env(texts: &[String]) -> Vec<Read> {
    let names = [
        ("PGHOST", "host"),
        ("PGPORT", "port"),
        ("PGUSER", "user"),
        ("PGPASSWORD", "password"),
        ("PGDATABASE", "dbname"),
        ("PGSSLMODE", "sslmode"),
        ("PGSSLROOTCERT", "sslrootcert"),
        ("PGCHANNELBINDING", "channel_binding"),
        ("PGTARGETSESSIONATTRS", "target_session_attrs"),
        ("PGCONNECT_TIMEOUT", "connect_timeout"),
        ("PGAPPNAME", "application_name"),
        ("PGGSSENCMODE", "gssencmode"),
    ];
    let read = |variables: BTreeMap<String, String>| {
        let pg = variables.into_iter().filter(|(name, _)| name.starts_with("PG"));
        pg.map(|(name, value)| {
            let known = names.iter().find(|(variable, _)| *variable == name);
            (known.unwrap_or_else(|| panic!("{name} is set")).1.to_owned(), value)
        })
        .collect()
    };
    source(texts).into_iter().map(read).collect()
}

/// What `DATABASE_URL` a program started afterwards would see, if the shell exports all it sets.
pub(super) fn read_dotenv(texts: &[String]) -> Vec<String> {
    source(texts).into_iter().map(|mut variables| variables.remove("DATABASE_URL").unwrap()).collect()
}

/// What Querycop would be told, if the shell exports all it sets.
pub(super) fn read_querycop_env(texts: &[String]) -> Vec<Read> {
    let ours = |variables: BTreeMap<String, String>| {
        variables.into_iter().filter(|(name, _)| name.starts_with("GATEKEEPER_")).collect()
    };
    source(texts).into_iter().map(ours).collect()
}

/// What the command tells the client: `sh` and `bash` start one that writes down what it is told.
pub(super) fn read_commands(protocol: Protocol, texts: &[String]) -> Vec<Read> {
    let folder = tempfile::tempdir().unwrap();
    let (client, variable) = match protocol {
        Protocol::Postgres => ("psql", "PGPASSWORD"),
        Protocol::Mysql => ("mariadb", "MYSQL_PWD"),
    };
    let script = format!("#!/bin/sh\nprintf '%s\\0' \"${variable}\" \"$PGSERVICE$PGHOSTADDR\" \"$@\"\n");
    let program = folder.path().join(client);
    std::fs::write(&program, script).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let told = |shell: &str, text: &String| -> Vec<String> {
        let output = Command::new(shell)
            .args(["-euc", text])
            .env_clear()
            .env("PATH", format!("{}:/usr/bin:/bin", folder.path().display()))
            .envs([("PGSERVICE", "other"), ("PGHOSTADDR", "192.0.2.1"), ("MYSQL_PWD", "another")])
            .output()
            .unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{shell}");
        let said = String::from_utf8(output.stdout).unwrap();
        said.split_terminator('\0').map(str::to_owned).collect()
    };
    let told = texts.iter().map(|text| {
        let [sh, bash] = ["sh", "bash"].map(|shell| told(shell, text));
        assert_eq!(sh, bash);
        sh
    });
    let told: Vec<_> = told.collect();
    let arguments: Vec<_> = told.iter().map(|told| &told[2..]).collect();
    let reads: Vec<Read> = match protocol {
        Protocol::Postgres => {
            assert!(told.iter().all(|told| told.len() == 3 && told[1].is_empty()), "{told:?}");
            libpq::read(&arguments.concat())
        }
        Protocol::Mysql => arguments.into_iter().map(options).collect(),
    };
    let with_password = |(mut read, told): (Read, &Vec<String>)| {
        assert_eq!(read.insert("password".to_owned(), told[0].clone()), None, "it is among the arguments");
        read
    };
    reads.into_iter().zip(&told).map(with_password).collect()
}

fn options(arguments: &[String]) -> Read {
    assert_eq!(arguments[0], "--no-defaults");
    let option = |option: &String| {
        let (name, value) = option.strip_prefix("--").unwrap().split_once('=').unwrap();
        (name.to_owned(), value.to_owned())
    };
    arguments[1..].iter().map(option).collect()
}

fn source(texts: &[String]) -> Vec<BTreeMap<String, String>> {
    let folder = tempfile::tempdir().unwrap();
    let files: Vec<_> = (0..texts.len()).map(|number| folder.path().join(number.to_string())).collect();
    for (file, text) in files.iter().zip(texts) {
        std::fs::write(file, text).unwrap();
    }
    let outputs = ["sh", "bash"].map(|shell| {
        let output = Command::new(shell)
            .args(["-euc", r#"set -a; for file in "$@"; do (. "$file"; env -0; printf '\0'); done"#, shell])
            .args(&files)
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .envs([
                ("PGSERVICE", "other"),
                ("PGHOSTADDR", "192.0.2.1"),
                ("PGTARGETSESSIONATTRS", "standby"),
                ("PGCHANNELBINDING", "disable"),
            ])
            .output()
            .unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{shell}");
        // `dotenv` leaves these alone; what else the shell itself sets is of no interest.
        variables(&output.stdout)
    });
    let [sh, bash] = outputs;
    assert_eq!(sh.len(), texts.len());
    assert_eq!(sh, bash);
    sh
}

fn variables(output: &[u8]) -> Vec<BTreeMap<String, String>> {
    let text = std::str::from_utf8(output).unwrap();
    let environments = text.split_terminator("\0\0");
    environments
        .map(|environment| {
            let lines = environment.split('\0').map(|line| line.split_once('=').unwrap());
            lines
                .filter(|(name, _)| {
                    name.starts_with("PG") || name.starts_with("GATEKEEPER_") || *name == "DATABASE_URL"
                })
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect()
        })
        .collect()
}

//! libpq as the reader, through psycopg2.

use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::{Case, Read};

/// What libpq understands.
pub(super) fn read(texts: &[String]) -> Vec<Read> {
    let requests = texts.iter().map(|text| json!({ "parse": text })).collect::<Vec<_>>();
    ask(&requests).into_iter().map(|answer| serde_json::from_value(answer).unwrap()).collect()
}

/// What libpq takes from files of services: all that its environment does not say.
pub(super) fn read_services(texts: &[String]) -> Vec<Read> {
    let requests = texts.iter().map(|text| json!({ "service": text })).collect::<Vec<_>>();
    ask(&requests).into_iter().map(|answer| serde_json::from_value(answer).unwrap()).collect()
}

/// What Python's JSON parser understands; numbers as they would be written in a connection string.
pub(super) fn read_json(texts: &[String]) -> Vec<Read> {
    let requests = texts.iter().map(|text| json!({ "json": text })).collect::<Vec<_>>();
    ask(&requests).into_iter().map(|answer| serde_json::from_value(answer).unwrap()).collect()
}

/// Connects once for each case, with the line as the password file, to 127.0.0.1 whatever the host is called.
pub(super) fn connect(lines: &[(&Case, String)]) {
    let requests = lines.iter().map(|(case, line)| {
        json!({
            "passfile": line,
            "connect": {
                "host": case.host, "hostaddr": "127.0.0.1", "port": case.port, "user": case.username,
                "dbname": case.dbname, "sslmode": "disable", "gssencmode": "disable", "connect_timeout": 10,
            },
        })
    });
    ask(&requests.collect::<Vec<_>>());
}

fn ask(requests: &[Value]) -> Vec<Value> {
    let mut python = Command::new("/usr/bin/python3")
        .args(["-c", READER])
        .env_clear()
        .env("LC_ALL", "C.UTF-8")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("/usr/bin/python3 is needed: apt-get install python3-psycopg2");
    let mut stdin = python.stdin.take().unwrap();
    let lines: String = requests.iter().map(|request| format!("{request}\n")).collect();
    let writer = std::thread::spawn(move || {
        // A reader that ends early has said why on its standard error.
        let _ = stdin.write_all(lines.as_bytes());
    });
    let output = python.wait_with_output().unwrap();
    writer.join().unwrap();
    assert_ne!(output.status.code(), Some(3), "psycopg2 is missing: apt-get install python3-psycopg2");
    assert!(output.status.success(), "the reader failed");
    let answers: Vec<Value> = output
        .stdout
        .split(|byte| *byte == b'\n')
        .filter_map(|line| serde_json::from_slice(line).ok())
        .collect();
    assert_eq!(answers.len(), requests.len());
    answers
}

const READER: &str = include_str!("reader.py");

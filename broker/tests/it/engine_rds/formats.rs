//! A token is full of `&=%/:?`, and every format carries it to psql.

use dsn_broker::dsn::{Format, Language};
use dsn_broker::model::Protocol;
use tokio::process::Command;

use super::*;
use crate::stand::run;

#[test]
fn a_token_survives_every_format() {
    run(async {
        let open = Scene::with_key().await.open().await;
        let caller = open.stand.caller("app-a");
        // One is for another protocol, one holds no credential, and of drivers there is more in `drivers.rs`.
        let is_here = |format: &&Format| {
            format.language() == Language::Tools
                && format.reader(Protocol::Postgres).is_some()
                && **format != Format::QuerycopEnv
        };
        for format in Format::ALL.iter().filter(is_here) {
            let path = format!("{}&format={format}", caller.dsn_path("app-reader"));
            let answer = caller.get_as(&path, "text/plain").await;
            assert_eq!(answer.status, 200, "{}", answer.text);
            let parts = caller.get(&path).await.ok()["parameters"].clone();
            let who = shell(*format, &answer.text, &parts).await;
            assert_eq!(who, "app_reader|7\n", "{format}");
        }
        assert_eq!(open.rds.reasons(), Vec::<String>::new());
        open.close().await;
    });
}

/// What psql says that is given the text as its users do it.
async fn shell(format: Format, text: &str, parts: &Value) -> String {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("dsn");
    std::fs::write(&file, text).unwrap();
    let script = match format {
        Format::Uri | Format::Keyword => r#"$PSQL "$(cat "$FILE")""#,
        Format::Env => r#"set -a; . "$FILE"; $PSQL"#,
        Format::Dotenv => r#". "$FILE"; $PSQL "$DATABASE_URL""#,
        Format::Pgpass => r#"chmod 600 "$FILE"; PGPASSFILE="$FILE" $PSQL "$REST""#,
        Format::PgService => r#"PGSERVICEFILE="$FILE" $PSQL service=dsn"#,
        Format::Json => {
            r#"PGPASSWORD="$(python3 -c "import json,sys; print(json.load(open(sys.argv[1]))[\"password\"])" "$FILE")" $PSQL "$REST""#
        }
        Format::Shell => r#"printf '%s\n' "\\copy ($QUERY) to stdout delimiter '|'" | sh "$FILE"; :"#,
        other => unreachable!("how does psql use {other}?"),
    };
    let part = |name: &str| parts[name].as_str().map_or_else(|| parts[name].to_string(), str::to_owned);
    let rest: Vec<String> = ["host", "port", "user", "dbname", "sslmode", "sslrootcert"]
        .map(|name| format!("{name}={}", part(name)))
        .into();
    let output = Command::new("sh")
        .args(["-euc", &format!("{script} -c \"$QUERY\"")])
        .env_clear()
        .env("PATH", std::env::var("PATH").unwrap())
        .env("HOME", "/nonexistent")
        .env("PSQL", "psql -X -At -w")
        .env("QUERY", "select current_user, id from app.orders")
        .env("FILE", &file)
        .env("REST", rest.join(" "))
        .output()
        .await
        .unwrap();
    assert!(output.status.success(), "{format}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

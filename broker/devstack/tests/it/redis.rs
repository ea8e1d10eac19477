//! Redis as clients see it.

use devstack::{Ca, Redis};

use crate::program;

#[tokio::test]
async fn the_broker_may_do_what_it_needs() {
    let redis = Redis::start(&Ca::generate().unwrap()).await.unwrap();
    for (command, answer) in [
        (&["ping"][..], "PONG"),
        (&["set", "dsn:a", "1", "px", "60000", "nx"], "OK"),
        (&["get", "dsn:a"], "1"),
        (&["pexpire", "dsn:a", "5000"], "1"),
        (&["eval", "return redis.call('del', KEYS[1])", "1", "dsn:a"], "1"),
        (&["publish", "dsn:revoked", "x"], "0"),
        (&["hset", "dsn:h", "f", "v"], "1"),
        (&["client", "setname", "dsn-broker"], "OK"),
        (&["exists", "dsn:h"], "1"),
    ] {
        assert_eq!(cli(&redis, command).await, answer, "{command:?}");
    }
    let loaded = cli(&redis, &["script", "load", "return 7"]).await;
    assert_eq!(cli(&redis, &["evalsha", &loaded, "0"]).await, "7");
}

#[tokio::test]
async fn the_broker_may_do_nothing_else() {
    let redis = Redis::start(&Ca::generate().unwrap()).await.unwrap();
    for command in [
        &["set", "other", "1"][..],
        &["publish", "other", "x"],
        &["flushall"],
        &["keys", "*"],
        &["config", "get", "*"],
        &["acl", "list"],
        &["shutdown"],
    ] {
        assert!(cli(&redis, command).await.contains("NOPERM"), "{command:?}");
    }
}

#[tokio::test]
async fn nobody_else_gets_in() {
    let redis = Redis::start(&Ca::generate().unwrap()).await.unwrap();
    let (port, ca) = (redis.port().to_string(), redis.ca_path().to_str().unwrap());
    let anonymous = ["-h", "localhost", "-p", &port, "--tls", "--cacert", ca, "get", "dsn:a"];
    assert!(program::succeed("redis-cli", &anonymous).await.contains("NOAUTH"));
    let plain = program::fail("redis-cli", &["-h", "localhost", "-p", &port, "ping"]).await;
    assert!(plain.contains("closed the connection") || plain.contains("reset"), "{plain}");
}

#[tokio::test]
async fn another_authority_is_refused() {
    let redis = Redis::start(&Ca::generate().unwrap()).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let other = Ca::generate().unwrap().write_to(folder.path()).unwrap();
    let arguments = ["--tls", "--cacert", other.to_str().unwrap(), "-u", &redis.url(), "ping"];
    assert!(program::fail("redis-cli", &arguments).await.contains("certificate verify failed"));
}

/// The answer to a command of the broker's, or the complaint.
pub(crate) async fn cli(redis: &Redis, command: &[&str]) -> String {
    let ca = redis.ca_path().to_str().unwrap().to_owned();
    let mut arguments = vec!["--tls".to_owned(), "--cacert".to_owned(), ca];
    arguments.extend(["--no-auth-warning".to_owned(), "-u".to_owned(), redis.url()]);
    arguments.extend(command.iter().map(|&word| word.to_owned()));
    let output = program::run("redis-cli", arguments).await;
    let said = if output.status.success() { output.stdout } else { output.stderr };
    String::from_utf8(said).unwrap().trim().to_owned()
}

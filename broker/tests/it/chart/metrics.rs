//! The alerts and the dashboard speak of metrics and labels that a running broker has.

use std::collections::BTreeSet;
use std::time::Duration;

use super::{chart, reviewed};
use crate::stand::{Stand, run};

#[test]
fn every_metric_that_is_named_is_there_with_its_labels() {
    run(async {
        let stand = Stand::start().await;
        let caller = stand.caller("app-orders");
        for role in ["orders-reader", "orders-reader", "orders-request"] {
            caller.dsn(role).await;
        }
        let answer = caller.dsn("orders-request").await;
        let lease = answer["lease_id"].as_str().unwrap().to_owned();
        assert!(caller.delete(&format!("/v1/leases/{lease}")).await.status.is_success());
        // The sweep, the gauges and the signature of the audit's end come by time.
        stand.clock.advance(Duration::from_secs(3600));
        let wanted = named();
        assert!(wanted.len() > 15, "{wanted:?}");
        stand
            .until(|| async {
                let text =
                    reqwest::get(format!("{}/metrics", stand.admin_url)).await.unwrap().text().await.unwrap();
                let missing: Vec<_> = wanted.iter().filter(|named| !is_there(named, &text)).collect();
                if missing.is_empty() { Ok(()) } else { Err(format!("{missing:?} are not in\n{text}")) }
            })
            .await;
        stand.stop().await;
    });
}

/// A metric, and a label of it or none.
type Named = (String, Option<String>);

fn is_there((metric, label): &Named, text: &str) -> bool {
    text.lines().filter(|line| !line.starts_with('#')).any(|line| {
        let Some(rest) = line.strip_prefix(metric.as_str()) else { return false };
        match label {
            None => rest.starts_with(['{', ' ']),
            Some(label) => rest.contains(&format!("{label}=\"")),
        }
    })
}

/// What the rules and the dashboard name of ours.
fn named() -> BTreeSet<Named> {
    let dashboard = std::fs::read_to_string(chart().join("files/dashboard.json")).unwrap();
    let rules = reviewed("broker-alone");
    assert!(rules.contains("DsnBrokerStuckRevocations"));
    [dashboard, rules].iter().flat_map(|text| named_in(text)).collect()
}

fn named_in(text: &str) -> BTreeSet<Named> {
    let text = text.replace("\\\"", "\"");
    let mut named = BTreeSet::new();
    for (at, _) in text.match_indices("dsn_broker_") {
        let name: String =
            text[at..].chars().take_while(|it| it.is_ascii_alphanumeric() || *it == '_').collect();
        let rest = &text[at + name.len()..];
        for label in rest.strip_prefix('{').map(labels).into_iter().flatten() {
            if !FROM_PROMETHEUS.contains(&label.as_str()) {
                named.insert((name.clone(), Some(label)));
            }
        }
        named.insert((name, None));
    }
    named
}

/// The labels in what follows an opening brace, up to the one that closes it.
fn labels(text: &str) -> Vec<String> {
    let (mut labels, mut word, mut quoted) = (Vec::new(), String::new(), false);
    for character in text.chars() {
        match character {
            '"' => quoted = !quoted,
            _ if quoted => {}
            '}' => break,
            '=' => labels.push(std::mem::take(&mut word)),
            ',' | '~' | '!' => word.clear(),
            other => word.push(other),
        }
    }
    labels
}

/// Labels that are given to what is scraped.
const FROM_PROMETHEUS: &[&str] = &["namespace", "job", "pod"];

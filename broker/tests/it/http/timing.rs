//! What the answer does not tell, its time does not tell either.
//!
//! Two requests are sent in turn on one connection, in an order that chance chooses, and their times compared. Noise
//! only ever adds to a time, and beside other tests it is most of it; so what counts is how many of each are among the
//! fastest of all (a rank test, which knows no distribution). The same is done with a difference of 100 µs added to
//! one of them: that must be seen, or the comparison is worth nothing. (On a machine that has much more to do than it
//! can, a broker that takes 100 µs longer may hide behind the scheduler; from us as from anyone.)

use dsn_broker::entropy::{Entropy, SystemEntropy, bytes};
use dsn_broker::identity::generate_api_key;
use serde_json::json;
use tokio::time::Instant;

use crate::stand::{Heard, Process, Settings, Wire, run, unique, world};

/// How many requests of each kind are sent before the first look.
const LEAST: usize = 1000;
/// How many at most, where the machine is so busy that 100 µs are not seen sooner.
const MOST: usize = 10_000;
/// The difference that must be seen.
const PLANTED: f64 = 100.0;
/// The part of all times that counts as the fastest.
const FASTEST: f64 = 0.25;
/// How unlikely chance has to be, in standard deviations: once in five hundred million times.
const CERTAIN: f64 = 6.0;

/// The times of two kinds of request, in microseconds.
#[derive(Default)]
struct Times {
    one: Vec<f64>,
    other: Vec<f64>,
}

impl Times {
    /// How far the number of the second kind among the fastest is from that of the first, in standard deviations, if
    /// the second took so much longer.
    fn distance(&self, longer: f64) -> f64 {
        let mut all: Vec<_> = self.one.iter().map(|time| (*time, 1.0)).collect();
        all.extend(self.other.iter().map(|time| (time + longer, -1.0)));
        all.sort_by(|a, b| a.0.total_cmp(&b.0));
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a part of a length")]
        let fastest = (all.len() as f64 * FASTEST) as usize;
        let more: f64 = all[..fastest].iter().map(|(_, sign)| sign).sum();
        more / (fastest as f64 * (1.0 - FASTEST)).sqrt()
    }

    fn medians(&self) -> (f64, f64) {
        let median = |times: &[f64]| {
            let mut times = times.to_vec();
            times.sort_by(f64::total_cmp);
            times[times.len() / 2]
        };
        (median(&self.one), median(&self.other))
    }
}

/// Sends these in turn until a planted difference is seen, and answers the times.
async fn compare(process: &Process, one: &str, other: &str) -> Times {
    let mut wire = Wire::open(&process.settings, &process.url, b"http/1.1").await;
    let mut times = Times::default();
    for text in [one, other].repeat(50) {
        ask(&mut wire, text).await;
    }
    while times.one.len() < LEAST || (times.distance(PLANTED) < 2.0 * CERTAIN && times.one.len() < MOST) {
        for first in bytes::<32>(&SystemEntropy) {
            if first % 2 == 0 {
                times.one.push(ask(&mut wire, one).await);
                times.other.push(ask(&mut wire, other).await);
            } else {
                times.other.push(ask(&mut wire, other).await);
                times.one.push(ask(&mut wire, one).await);
            }
        }
    }
    times
}

/// The time until the answer is there in full.
async fn ask(wire: &mut Wire, text: &str) -> f64 {
    let started = Instant::now();
    wire.say(text.as_bytes()).await;
    let mut heard = Vec::new();
    while !heard.ends_with(b"}") {
        assert!(wire.take(4096, &mut heard).await > 0, "it hung up: {}", Heard::of(&heard).text);
    }
    started.elapsed().as_secs_f64() * 1e6
}

/// Fails if the two can be told apart, or could not be if they differed.
fn assert_alike(what: &str, times: &Times) {
    let (real, planted) = (times.distance(0.0), times.distance(PLANTED));
    let (one, other) = times.medians();
    assert!(planted > CERTAIN, "{what}: not even {PLANTED} µs would be seen: {planted}");
    assert!(real.abs() < CERTAIN, "{what}: told apart: {real}, medians {one} {other}");
    assert!((0.8..1.25).contains(&(one / other)), "{what}: medians {one} {other}");
}

/// Runs this on a thread of its own, so that the other tests' tasks are not in the way.
fn apart<T: Send>(work: impl Future<Output = T> + Send) -> T {
    std::thread::scope(|scope| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        scope.spawn(move || runtime.block_on(work)).join().unwrap()
    })
}

fn request(path: &str, proof: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {proof}\r\n\r\n")
}

async fn settings() -> Settings {
    let mut settings = Settings::new(world().await, &unique()).await;
    settings.config["server"]["limits"]["rate"] = json!({ "per_second": 1_000_000, "burst": 1_000_000 });
    settings
}

#[test]
fn a_role_that_is_not_granted_takes_as_long_as_one_that_does_not_exist() {
    let process = run(async { Process::ready(settings().await).await });
    let token = process.token("app-orders");
    let [unbound, unknown] =
        ["orders-unbound", "orders-nowhere"].map(|role| request(&format!("/v1/dsn/{role}"), &token));
    assert_alike("roles", &apart(compare(&process, &unbound, &unknown)));
    run(process.stop());
}

/// Chance that always brings these bytes.
struct Always([u8; 32]);

impl Entropy for Always {
    fn fill(&self, buffer: &mut [u8]) {
        buffer.copy_from_slice(&self.0[..buffer.len()]);
    }
}

#[test]
fn an_api_key_that_is_nearly_right_takes_as_long_as_one_that_is_all_wrong() {
    let right: [u8; 32] = bytes(&SystemEntropy);
    let mut nearly = right;
    nearly[31] ^= 1;
    let keys = [right, nearly, bytes(&SystemEntropy)].map(|bytes| generate_api_key(&Always(bytes)));
    let process = run(async {
        let mut settings = settings().await;
        settings.config["issuers"]["keys"] =
            json!({ "kind": "api_key", "keys": { "ci": { "sha256": keys[0].sha256 } } });
        Process::ready(settings).await
    });
    let [_, nearly, wrong] = keys.each_ref().map(|key| request("/v1/whoami", key.key.expose()));
    assert_alike("API keys", &apart(compare(&process, &nearly, &wrong)));
    run(process.stop());
}

//! What `/metrics` shows, in the OpenMetrics text format. Labels are names from the configuration, never
//! of workloads: their number is bounded.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use crate::model::{DatabaseName, LeaseState};

/// Everything that `/metrics` shows.
pub struct Metrics {
    registry: Registry,
    requests: Family<Request, Counter>,
    request_time: Family<Route, Histogram, fn() -> Histogram>,
    cache_hits: Family<Database, Counter>,
    mints: Family<Outcome, Counter>,
    mint_time: Family<Database, Histogram, fn() -> Histogram>,
    leases: Family<InState, Gauge>,
    leases_ended: Family<InState, Counter>,
    end_failures: Family<Database, Counter>,
    reaper_lag: Family<Database, Seconds>,
    stuck: Family<Database, Gauge>,
    orphans: Family<Database, Gauge>,
    database_up: Family<Database, Gauge>,
    cache_up: Gauge,
    ledger_up: Gauge,
    ledger_batch: Histogram,
    ledger_commit: Histogram,
    ledger_failures: Counter,
    audit_lag: Seconds,
    authentication_failures: Counter,
    certificate_expiry: Gauge,
    config_loads: Family<Loaded, Counter>,
    config_refused: Gauge,
}

type Seconds = Gauge<f64, AtomicU64>;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Request {
    route: String,
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Route {
    route: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Database {
    database: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    database: String,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct InState {
    database: String,
    state: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Loaded {
    outcome: &'static str,
}

impl Metrics {
    /// Nothing counted yet.
    pub fn new() -> Arc<Self> {
        let seconds: fn() -> Histogram = || Histogram::new(BUCKETS);
        let mut metrics = Self {
            registry: Registry::with_prefix("dsn_broker"),
            requests: Family::default(),
            request_time: Family::new_with_constructor(seconds),
            cache_hits: Family::default(),
            mints: Family::default(),
            mint_time: Family::new_with_constructor(seconds),
            leases: Family::default(),
            leases_ended: Family::default(),
            end_failures: Family::default(),
            reaper_lag: Family::default(),
            stuck: Family::default(),
            orphans: Family::default(),
            database_up: Family::default(),
            cache_up: Gauge::default(),
            ledger_up: Gauge::default(),
            ledger_batch: Histogram::new([1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0]),
            ledger_commit: Histogram::new(BUCKETS),
            ledger_failures: Counter::default(),
            audit_lag: Seconds::default(),
            authentication_failures: Counter::default(),
            certificate_expiry: Gauge::default(),
            config_loads: Family::default(),
            config_refused: Gauge::default(),
        };
        metrics.register();
        Arc::new(metrics)
    }

    fn register(&mut self) {
        let r = &mut self.registry;
        r.register("requests", "Requests answered, by route and status", self.requests.clone());
        r.register_with_unit("request", "Time to answer", Unit::Seconds, self.request_time.clone());
        r.register("cache_hits", "Requests answered with a cached credential", self.cache_hits.clone());
        r.register("mints", "Credentials made, and failures to make one", self.mints.clone());
        r.register_with_unit("mint", "Time to make a credential", Unit::Seconds, self.mint_time.clone());
        r.register("leases", "Leases that have not ended, by state", self.leases.clone());
        r.register(
            "leases_ended",
            "Steps towards the end of leases, by the state reached",
            self.leases_ended.clone(),
        );
        r.register("end_failures", "Tries to end a credential that failed", self.end_failures.clone());
        r.register_with_unit(
            "reaper_lag",
            "How long the oldest due lease has waited",
            Unit::Seconds,
            self.reaper_lag.clone(),
        );
        r.register("stuck_revocations", "Credentials that could not be ended so far", self.stuck.clone());
        r.register("orphans", "Users of ours that no lease accounts for", self.orphans.clone());
        r.register("database_up", "Whether the database answers", self.database_up.clone());
        r.register("cache_up", "Whether the shared cache answers", self.cache_up.clone());
        r.register("ledger_up", "Whether the ledger answers", self.ledger_up.clone());
        r.register("ledger_batch", "Entries per transaction of the ledger", self.ledger_batch.clone());
        r.register_with_unit(
            "ledger_commit",
            "Time of a transaction of the ledger",
            Unit::Seconds,
            self.ledger_commit.clone(),
        );
        r.register("ledger_failures", "Transactions of the ledger that failed", self.ledger_failures.clone());
        r.register_with_unit(
            "audit_lag",
            "How long the end of the audit has been due to be signed",
            Unit::Seconds,
            self.audit_lag.clone(),
        );
        r.register(
            "authentication_failures",
            "Proofs of identity refused",
            self.authentication_failures.clone(),
        );
        r.register_with_unit(
            "certificate_expiry_timestamp",
            "When the certificate of the public listener ends; 0 without one",
            Unit::Seconds,
            self.certificate_expiry.clone(),
        );
        r.register("config_loads", "Configurations loaded and refused", self.config_loads.clone());
        r.register(
            "config_refused",
            "Whether the configuration that is there was refused, and the one before it is in force",
            self.config_refused.clone(),
        );
    }

    /// All of it, as OpenMetrics text.
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a String does not fail.
        let _ = encode(&mut text, &self.registry);
        text
    }

    /// A request was answered.
    pub fn request(&self, route: &str, status: u16, took: Duration) {
        self.requests.get_or_create(&Request { route: route.to_owned(), status }).inc();
        self.request_time.get_or_create(&Route { route: route.to_owned() }).observe(took.as_secs_f64());
    }

    /// A request was answered with a cached credential.
    pub fn cache_hit(&self, name: &DatabaseName) {
        self.cache_hits.get_or_create(&database(name)).inc();
    }

    /// A credential was made, or not.
    pub fn mint(&self, name: &DatabaseName, took: Duration, made: bool) {
        let outcome = if made { "made" } else { "failed" };
        self.mints.get_or_create(&Outcome { database: name.to_string(), outcome }).inc();
        self.mint_time.get_or_create(&database(name)).observe(took.as_secs_f64());
    }

    /// A lease came a step nearer to its end.
    pub fn lease_ended(&self, name: &DatabaseName, state: LeaseState) {
        let label = InState { database: name.to_string(), state: state.as_str().to_owned() };
        self.leases_ended.get_or_create(&label).inc();
    }

    /// A credential could not be ended.
    pub fn end_failed(&self, name: &DatabaseName) {
        self.end_failures.get_or_create(&database(name)).inc();
    }

    /// How long the oldest due lease has waited.
    pub fn reaper_lag(&self, name: &DatabaseName, lag: Duration) {
        self.reaper_lag.get_or_create(&database(name)).set(lag.as_secs_f64());
    }

    /// How many leases there are in each state, by database; all others are none.
    pub fn leases<'a>(&self, counts: impl IntoIterator<Item = (&'a str, &'a str, i64)>) {
        self.leases.clear();
        for (database, state, count) in counts {
            let label = InState { database: database.to_owned(), state: state.to_owned() };
            self.leases.get_or_create(&label).set(count);
        }
    }

    /// How a database is: whether it answers, and how many of its credentials could not be ended.
    pub fn database(&self, name: &DatabaseName, up: bool, stuck: usize) {
        self.database_up.get_or_create(&database(name)).set(i64::from(up));
        self.stuck.get_or_create(&database(name)).set(i64::try_from(stuck).unwrap_or(i64::MAX));
    }

    /// How many users no lease accounts for.
    pub fn orphans(&self, name: &DatabaseName, count: usize) {
        self.orphans.get_or_create(&database(name)).set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// Whether the shared cache answers.
    pub fn cache_up(&self, up: bool) {
        self.cache_up.set(i64::from(up));
    }

    /// Whether the ledger answers.
    pub fn ledger_up(&self, up: bool) {
        self.ledger_up.set(i64::from(up));
    }

    /// For how long the end of the audit has been due to be signed.
    pub fn audit_lag(&self, lag: Duration) {
        self.audit_lag.set(lag.as_secs_f64());
    }

    /// When the certificate of the public listener ends, in seconds since 1970.
    pub fn certificate_expires(&self, at: i64) {
        self.certificate_expiry.set(at);
    }

    /// A batch was written to the ledger, or not.
    pub fn ledger_batch(&self, entries: usize, took: Duration, written: bool) {
        if written {
            self.ledger_batch.observe(f64::from(u32::try_from(entries).unwrap_or(u32::MAX)));
            self.ledger_commit.observe(took.as_secs_f64());
        } else {
            self.ledger_failures.inc();
        }
    }

    /// A proof of identity was refused.
    pub fn authentication_failed(&self) {
        self.authentication_failures.inc();
    }

    /// A configuration was loaded, or refused.
    pub fn config_loaded(&self, loaded: bool) {
        let outcome = if loaded { "loaded" } else { "refused" };
        self.config_loads.get_or_create(&Loaded { outcome }).inc();
        self.config_refused.set(i64::from(!loaded));
    }
}

fn database(name: &DatabaseName) -> Database {
    Database { database: name.to_string() }
}

const BUCKETS: [f64; 14] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

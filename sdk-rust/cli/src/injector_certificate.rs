//! The certificate of the injector, for clusters that have nothing else to make one.
//!
//! It is kept in a Secret of type kubernetes.io/tls, beside the CA that API servers are to trust (`ca.crt`), which is also put
//! into the webhook. Each certificate has a CA of its own, whose key is forgotten once it has signed. Safe to run at
//! any time, any number of times, also at once.

mod cluster;
mod pair;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use rustls::pki_types::UnixTime;
use serde_json::{Value, json};

use crate::injector_certificate::cluster::{Cluster, Written};
use crate::injector_certificate::pair::Pair;
use crate::show;

/// Make the injector's certificate, or renew it.
#[derive(Args)]
pub(crate) struct InjectorCertificate {
    /// The service of the injector.
    #[arg(long)]
    service: String,
    /// Its namespace, and that of the Secret.
    #[arg(long)]
    namespace: String,
    /// The Secret that the certificate is kept in.
    #[arg(long)]
    secret: String,
    /// The MutatingWebhookConfiguration that calls the service.
    #[arg(long)]
    webhook: String,
    /// How long a certificate is good. It is renewed when less than a third of this is left.
    #[arg(long, default_value_t = 365, value_parser = clap::value_parser!(u32).range(1..=3650))]
    days: u32,
    /// The folder with the `token` and the `ca.crt` of the service account that this runs as.
    #[arg(long, default_value = "/var/run/secrets/kubernetes.io/serviceaccount")]
    service_account: PathBuf,
}

impl InjectorCertificate {
    pub(crate) async fn run(self) -> anyhow::Result<ExitCode> {
        let cluster = Cluster::from_env(&self.service_account)?;
        for _ in 0..ATTEMPTS {
            if self.attempt(&cluster).await? == Written::Yes {
                return Ok(ExitCode::SUCCESS);
            }
        }
        bail!("others changed the same objects all the time: run it again")
    }

    /// One try, which fails if another writes meanwhile.
    async fn attempt(&self, cluster: &Cluster) -> anyhow::Result<Written> {
        let path = format!("/api/v1/namespaces/{}/secrets", self.namespace);
        let secret = cluster.read(&format!("{path}/{}", self.secret)).await?;
        if let Some(secret) = &secret {
            self.check(secret)?;
        }
        let before = secret.as_ref().and_then(|secret| data(secret, "ca.crt")).unwrap_or_default();
        match secret.as_ref().map_or(Err("there is none".to_owned()), |secret| self.is_good(secret)) {
            Ok(()) => return self.trust(cluster, |_| before.clone()).await,
            Err(why) => show::note(&format!("a new certificate is made: {why}")),
        }
        let pair = Pair::make(&self.name(), self.days, UnixTime::now())?;
        // API servers must trust it before anyone shows it to them, and what is shown until then for as long.
        let trusted = |there: &str| pair::union(&pair.ca_pem, there);
        if self.trust(cluster, trusted).await? == Written::Conflict {
            return Ok(Written::Conflict);
        }
        let bundle = pair::union(&pair.ca_pem, pair::first(&before));
        let text = |text: &str| STANDARD.encode(text);
        let data = json!({ "ca.crt": text(&bundle), "tls.crt": text(&pair.certificate_pem), "tls.key": text(&pair.key_pem) });
        let written = match secret {
            None => {
                let metadata = json!({ "name": self.secret, "namespace": self.namespace });
                let secret = json!({ "apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": TYPE, "data": data });
                cluster.create(&path, &secret).await?
            }
            Some(mut secret) => {
                if let Some(secret) = secret.as_object_mut() {
                    secret.insert("data".to_owned(), data);
                }
                cluster.replace(&format!("{path}/{}", self.secret), &secret).await?
            }
        };
        match written {
            Written::Conflict => Ok(Written::Conflict),
            Written::Yes => self.trust(cluster, |_| bundle.clone()).await,
        }
    }

    /// The name that API servers verify.
    fn name(&self) -> String {
        format!("{}.{}.svc", self.service, self.namespace)
    }

    /// Whether the Secret is one to write to.
    fn check(&self, secret: &Value) -> anyhow::Result<()> {
        let name = &self.secret;
        let kind = secret.get("type").and_then(Value::as_str).unwrap_or_default();
        ensure!(
            kind == TYPE,
            "the Secret {name} is of type {kind}, which cannot be changed to {TYPE}: delete it, or name another"
        );
        let annotations = secret.pointer("/metadata/annotations").and_then(Value::as_object);
        let is_foreign =
            annotations.is_some_and(|all| all.keys().any(|key| key.starts_with("cert-manager.io/")));
        ensure!(!is_foreign, "the Secret {name} is kept by cert-manager: let it, or name another");
        Ok(())
    }

    /// Whether what the Secret has is good for a while, or why not.
    fn is_good(&self, secret: &Value) -> Result<(), String> {
        let part = |key: &str| {
            data(secret, key).ok_or_else(|| format!("{key} is missing in the Secret {}", self.secret))
        };
        let (ca, certificate, key) = (part("ca.crt")?, part("tls.crt")?, part("tls.key")?);
        let left = Duration::from_secs(u64::from(self.days) * DAY / 3);
        let now = UnixTime::now();
        pair::check(&ca, &certificate, &key, &self.name(), now)?;
        pair::check(
            &ca,
            &certificate,
            &key,
            &self.name(),
            UnixTime::since_unix_epoch(Duration::from_secs(now.as_secs()) + left),
        )
        .map_err(|why| format!("it soon ends: {why}"))
    }

    /// Lets the webhook trust what `wanted` makes of what it trusts now.
    async fn trust(&self, cluster: &Cluster, wanted: impl Fn(&str) -> String) -> anyhow::Result<Written> {
        let path =
            format!("/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/{}", self.webhook);
        let there = cluster.read(&path).await?;
        let mut configuration =
            there.with_context(|| format!("there is no MutatingWebhookConfiguration {}", self.webhook))?;
        let webhooks = configuration.get_mut("webhooks").and_then(Value::as_array_mut);
        let (mut is_called, mut is_changed) = (false, false);
        for client in webhooks.into_iter().flatten().filter_map(|webhook| webhook.get_mut("clientConfig")) {
            let service = |key: &str| client.pointer(&format!("/service/{key}")).and_then(Value::as_str);
            if (service("name"), service("namespace")) != (Some(&self.service), Some(&self.namespace)) {
                continue;
            }
            is_called = true;
            let before = client.get("caBundle").and_then(Value::as_str).unwrap_or_default();
            let bundle = STANDARD.encode(wanted(&decoded(before).unwrap_or_default()));
            if bundle != before {
                is_changed = true;
                client.as_object_mut().and_then(|client| client.insert("caBundle".to_owned(), bundle.into()));
            }
        }
        ensure!(
            is_called,
            "the MutatingWebhookConfiguration {} has no webhook that calls the service {} in {}",
            self.webhook,
            self.service,
            self.namespace
        );
        if !is_changed {
            return Ok(Written::Yes);
        }
        show::note(&format!("the CA is put into the MutatingWebhookConfiguration {}", self.webhook));
        cluster.replace(&path, &configuration).await
    }
}

fn data(secret: &Value, key: &str) -> Option<String> {
    decoded(secret.get("data")?.get(key)?.as_str()?)
}

fn decoded(text: &str) -> Option<String> {
    String::from_utf8(STANDARD.decode(text).ok()?).ok()
}

const TYPE: &str = "kubernetes.io/tls";
const DAY: u64 = 24 * 60 * 60;
/// How often it is tried again where others write meanwhile.
const ATTEMPTS: u32 = 20;

//! The API server of a Kubernetes cluster without the cluster: it stores, checks and admits, and nobody runs its pods.
//!
//! It is the real one with the etcd behind it, from `.ci/kubernetes`. There are no controllers either: a namespace has
//! no service account that nobody made, and does not go when it is deleted.

mod api;
mod objects;

use std::ffi::OsString;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::json;

use crate::account::Account;
use crate::ca::{self, Ca};
use crate::certificate::Certificate;
use crate::oidc::rsa_file;
use crate::port::Port;
use crate::scratch::{Scratch, Signal};
use crate::server::{ADDRESS_IN_USE, Inner, Kind, Server};
use crate::{blocking, entropy};

use self::api::Client;

/// A running API server; it ends and its data goes when this is dropped.
pub type Kubernetes = Server<KubernetesKind>;

/// What it takes to run an API server.
#[derive(Debug)]
pub struct KubernetesKind {
    program: PathBuf,
    client: Client,
}

impl Kubernetes {
    /// The program, if `.ci/kubernetes` has made it on this machine.
    pub fn installed() -> Option<PathBuf> {
        let program = Self::folder_of_programs().join("kubernetes");
        program.is_file().then_some(program)
    }

    /// Whether it is; if not, says which test is left out for that.
    pub fn is_installed_for(test: &str) -> bool {
        let installed = Self::installed().is_some();
        if !installed {
            // What `eprintln` says the test harness keeps to itself.
            let _ = std::io::stderr().write_all(format!("skipped: {test}: {MISSING}\n").as_bytes());
        }
        installed
    }

    /// The definitions of the custom resources of others that a chart may use, one file for each.
    pub fn definitions() -> anyhow::Result<Vec<PathBuf>> {
        let folder = Self::folder_of_programs().join("definitions");
        let entries =
            std::fs::read_dir(&folder).with_context(|| format!("{} is missing", folder.display()))?;
        Ok(entries.map(|entry| Ok(entry?.path())).collect::<std::io::Result<_>>()?)
    }

    fn folder_of_programs() -> PathBuf {
        let cache = || {
            let home = std::env::var_os("HOME").map_or_else(|| PathBuf::from("/"), PathBuf::from);
            std::env::var_os("XDG_CACHE_HOME").map_or_else(|| home.join(".cache"), PathBuf::from)
        };
        std::env::var_os("DSN_BROKER_KUBERNETES")
            .map_or_else(|| cache().join("dsn-broker/kubernetes"), PathBuf::from)
    }

    /// Starts one with a certificate of this authority, and returns when it is ready.
    pub async fn start(ca: &Ca) -> anyhow::Result<Self> {
        let ca = ca.clone();
        blocking(move || Self::start_now(&ca)).await
    }

    fn start_now(ca: &Ca) -> anyhow::Result<Self> {
        let program = Self::installed().context(MISSING)?;
        // Its program is in the cache of a user, where the servers' account may have no way to.
        let scratch = Scratch::create("kubernetes", Account::Own, Signal::Kill)?;
        Certificate::Good.issue(ca, &scratch)?;
        let ca_path = ca.write_to(scratch.path())?;
        let password = entropy::password()?;
        // The group that may do everything.
        let administrator = format!("{password},administrator,administrator,system:masters\n");
        ca::write(&scratch.path().join("tokens.csv"), &administrator)?;
        let client = Client::new(ca.pem(), &password)?;
        Self::begin(Inner {
            scratch,
            port: Port::claim()?,
            ca_pem: ca.pem().to_owned(),
            ca_path,
            password,
            kind: KubernetesKind { program, client },
        })
    }

    /// `https://127.0.0.1:…`
    pub fn url(&self) -> String {
        url(self.inner())
    }

    /// The keys with which tokens of service accounts are signed. They are for those who have a token.
    pub fn jwks_url(&self) -> String {
        format!("{}/openid/v1/jwks", self.url())
    }

    /// Who the tokens say they are from. Nothing answers there.
    pub fn issuer(&self) -> &'static str {
        ISSUER
    }

    /// The token of the administrator.
    pub fn token(&self) -> &str {
        self.user_password()
    }

    /// A file with which `kubectl` and `helm` are the administrator.
    pub fn kubeconfig(&self) -> PathBuf {
        self.folder().join("kubeconfig")
    }
}

impl Kind for KubernetesKind {
    const NAME: &'static str = "Kubernetes";
    const END: Signal = Signal::Terminate;

    fn start(server: &Inner<Self>) -> anyhow::Result<()> {
        let folder = server.scratch.path();
        ca::write(&folder.join("kubeconfig"), &kubeconfig(server))?;
        let mut command = vec![OsString::from(&server.kind.program), folder.into()];
        command.extend(flags(folder, server.port.number())?);
        let probe = server.kind.client.probe(&url(server))?;
        server.scratch.start(&command, |_| probe.is_ready()).map_err(|error| {
            // As servers that are not written in Go say it, too.
            match format!("{error:#}").contains("bind: address already in use") {
                true => error.context(ADDRESS_IN_USE),
                false => error.context("Kubernetes does not start"),
            }
        })
    }
}

fn url(server: &Inner<KubernetesKind>) -> String {
    format!("https://127.0.0.1:{}", server.port.number())
}

fn flags(folder: &Path, port: u16) -> anyhow::Result<Vec<OsString>> {
    let Some(folder) = folder.to_str() else { bail!("the path of the folder is not UTF-8") };
    let key = rsa_file("kubernetes")?;
    let key = key.to_str().context("the path of the cache is not UTF-8")?;
    let flags = [
        format!("--secure-port={port}"),
        "--bind-address=127.0.0.1".to_owned(),
        "--advertise-address=127.0.0.1".to_owned(),
        format!("--tls-cert-file={folder}/server.crt"),
        format!("--tls-private-key-file={folder}/server.key"),
        format!("--cert-dir={folder}"),
        format!("--token-auth-file={folder}/tokens.csv"),
        "--anonymous-auth=false".to_owned(),
        "--authorization-mode=RBAC".to_owned(),
        format!("--service-account-issuer={ISSUER}"),
        format!("--service-account-key-file={key}"),
        format!("--service-account-signing-key-file={key}"),
        "--service-cluster-ip-range=10.0.0.0/24".to_owned(),
        // There is no cluster whose endpoints it could keep, and nobody from whom it has to be protected.
        "--endpoint-reconciler-type=none".to_owned(),
        "--enable-priority-and-fairness=false".to_owned(),
        "--profiling=false".to_owned(),
    ];
    Ok(flags.into_iter().map(OsString::from).collect())
}

fn kubeconfig(server: &Inner<KubernetesKind>) -> String {
    let authority = BASE64_STANDARD.encode(&server.ca_pem);
    let name = "devstack";
    json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{
            "name": name,
            "cluster": { "server": url(server), "certificate-authority-data": authority },
        }],
        "users": [{ "name": name, "user": { "token": server.password } }],
        "contexts": [{ "name": name, "context": { "cluster": name, "user": name } }],
        "current-context": name,
    })
    .to_string()
}

const MISSING: &str = "Kubernetes is not installed here: see .ci/kubernetes";

/// As most clusters have it.
const ISSUER: &str = "https://kubernetes.default.svc.cluster.local";

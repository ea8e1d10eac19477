//! The edge in front of a real Postgres, as `psql` and a client of our own see it.

mod client;
mod login;
mod sessions;
mod statements;
mod tls;

use devstack::{Backend, Ca, Edge, EdgeBuilder, Issued, Opening, Postgres};
use tempfile::TempDir;

use crate::postgres::quick;

/// A server behind, the certificate of the edge, and where clients find whom to trust.
struct Stage {
    ca: Ca,
    issued: Issued,
    server: Postgres,
    folder: TempDir,
}

impl Stage {
    /// With a server that shows a certificate of its own, the role `app` and the database `orders`.
    async fn set() -> Self {
        let ca = Ca::generate().unwrap();
        let issued = ca.issue(&["*.edge.test"]).unwrap();
        let server = quick().ca(&ca).behind_edge().start().await.unwrap();
        Self::with(ca, issued, server).await
    }

    /// With a server that shows the certificate of the edge.
    async fn with_one_certificate() -> Self {
        let ca = Ca::generate().unwrap();
        let issued = ca.issue(&["*.edge.test", "localhost"]).unwrap();
        let server = quick().ca(&ca).issued(&issued).start().await.unwrap();
        Self::with(ca, issued, server).await
    }

    async fn with(ca: Ca, issued: Issued, server: Postgres) -> Self {
        server
            .execute("postgres", "create role app login password 'secret'; create database orders;")
            .await
            .unwrap();
        let folder = tempfile::tempdir().unwrap();
        ca.write_to(folder.path()).unwrap();
        Self { ca, issued, server, folder }
    }

    /// An edge that leads `app.branch` to `app` in `orders`.
    fn edge(&self) -> EdgeBuilder {
        let upstream = self.server.plain_upstream();
        Edge::builder(&self.issued).route(move |opening| rewritten(&upstream, opening))
    }

    /// An edge behind which everyone is let in as `app`.
    fn open_edge(&self) -> EdgeBuilder {
        let upstream = self.server.trusting_upstream();
        Edge::builder(&self.issued).route(move |opening| rewritten(&upstream, opening))
    }

    /// A `verify-full` URL by the name `one.edge.test`.
    fn url(&self, edge: &Edge, user: &str, password: &str) -> String {
        let (port, folder) = (edge.port(), self.folder.path().display());
        format!(
            "postgresql://{user}:{password}@one.edge.test:{port}/any?hostaddr=127.0.0.1&sslmode=verify-full\
             &sslrootcert={folder}/ca.pem"
        )
    }
}

fn rewritten(upstream: &devstack::Upstream, opening: &Opening) -> Backend {
    let user = opening.user.strip_suffix(".branch").unwrap_or(&opening.user);
    Backend::new(upstream.clone(), opening).user(user).database("orders")
}

const WHO: &str = "select current_user, current_database()";

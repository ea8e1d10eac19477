//! What the client answers to the greeting: who it is, with a proof of its password.

use anyhow::bail;

use super::Opening;
use super::handshake::{CONNECT_WITH_DB, LONG_AUTH, PLUGIN_AUTH, Reader, SECURE_CONNECTION, TLS};
use super::packet::Packet;

/// `HandshakeResponse41` of MySQL's internals.
#[derive(Debug)]
pub(super) struct Login {
    capabilities: u32,
    /// Longest packet, character set, reserved.
    settings: Vec<u8>,
    user: Vec<u8>,
    proof: Vec<u8>,
    database: Vec<u8>,
    plugin: Option<Vec<u8>>,
    /// The client's attributes, as they came.
    rest: Vec<u8>,
}

impl Login {
    pub(super) fn parse(payload: &[u8]) -> anyhow::Result<Self> {
        let mut rest = Reader(payload);
        let capabilities = capabilities(&mut rest)?;
        if capabilities & SECURE_CONNECTION == 0 {
            bail!("the client speaks a protocol of before MySQL 4.1");
        }
        let settings = rest.bytes(SETTINGS)?.to_vec();
        let user = rest.text()?.to_vec();
        let proof = rest.counted()?.to_vec();
        let database = if capabilities & CONNECT_WITH_DB == 0 { &[] } else { rest.text()? }.to_vec();
        let plugin = if capabilities & PLUGIN_AUTH == 0 { None } else { Some(rest.text()?.to_vec()) };
        Ok(Self { capabilities, settings, user, proof, database, plugin, rest: rest.0.to_vec() })
    }

    pub(super) fn opening(&self) -> Opening {
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        Opening { user: text(&self.user), database: text(&self.database) }
    }

    pub(super) fn rewrite(&mut self, user: &str, database: &str) {
        self.user = user.into();
        self.database = database.into();
    }

    /// Takes a proof that the client has given after this packet.
    pub(super) fn prove(&mut self, plugin: &[u8], proof: Vec<u8>) {
        self.plugin = self.plugin.is_some().then(|| plugin.to_vec());
        self.proof = proof;
    }

    /// The two packets for a server with TLS: the first asks for it, and the second goes through it.
    pub(super) fn packets(&self) -> anyhow::Result<(Packet, Packet)> {
        // A length of one byte means the same for both ways of writing a proof.
        let mut capabilities = (self.capabilities | TLS | CONNECT_WITH_DB) & !LONG_AUTH;
        if self.database.is_empty() {
            capabilities &= !CONNECT_WITH_DB;
        }
        let mut payload = capabilities.to_le_bytes().to_vec();
        payload.extend(&self.settings);
        let ask = Packet { sequence: 1, payload: payload.clone() };
        payload.extend(&self.user);
        payload.extend([0, u8::try_from(self.proof.len())?]);
        payload.extend(&self.proof);
        let database = Some(&self.database).filter(|name| !name.is_empty());
        for text in [database, self.plugin.as_ref()].into_iter().flatten() {
            payload.extend(text);
            payload.push(0);
        }
        payload.extend(&self.rest);
        Ok((ask, Packet { sequence: 2, payload }))
    }
}

/// Whether the packet is the short one that asks for TLS.
pub(super) fn asks_for_tls(packet: &Packet) -> bool {
    capabilities(&mut Reader(&packet.payload)).is_ok_and(|found| found & TLS != 0)
        && packet.payload.len() == CAPABILITIES + SETTINGS
}

fn capabilities(rest: &mut Reader<'_>) -> anyhow::Result<u32> {
    Ok(u32::from_le_bytes(rest.bytes(CAPABILITIES)?.try_into()?))
}

const CAPABILITIES: usize = 4;
/// Longest packet (4 bytes), character set (1), reserved (23, of which MariaDB uses 4 for capabilities of its own).
const SETTINGS: usize = 28;

//! The server's first packet, its greeting, and the fields that all packets of a login are made of.

use anyhow::{Context as _, bail, ensure};
use ring::digest::{Digest, SHA1_FOR_LEGACY_USE_ONLY, digest};

use super::packet::{AUTH_SWITCH, Packet};

/// Bits of what client and server can do.
pub(super) const CONNECT_WITH_DB: u32 = 0x0000_0008;
pub(super) const TLS: u32 = 0x0000_0800;
pub(super) const SECURE_CONNECTION: u32 = 0x0000_8000;
pub(super) const PLUGIN_AUTH: u32 = 0x0008_0000;
pub(super) const LONG_AUTH: u32 = 0x0020_0000;

/// A greeting, of which only the bit for TLS is ever changed.
#[derive(Debug)]
pub(super) struct Greeting {
    payload: Vec<u8>,
    /// Where the second byte of the capabilities is.
    second: usize,
    plugin: Vec<u8>,
    /// The random bytes that the password's proof is made with.
    scramble: Vec<u8>,
}

impl Greeting {
    /// Protocol version 10: `HandshakeV10` of MySQL's internals.
    pub(super) fn parse(packet: Packet) -> anyhow::Result<Self> {
        let mut rest = Reader(&packet.payload);
        if rest.bytes(1)? != [10] {
            bail!("the server does not greet: {}", String::from_utf8_lossy(&packet.payload));
        }
        let version = rest.text()?;
        // The number of the connection.
        rest.bytes(4)?;
        let mut scramble = rest.bytes(8)?.to_vec();
        // A filler; the capabilities; character set and status; their other half; a length; reserved.
        rest.bytes(1 + 2 + 3 + 2 + 1 + 10)?;
        scramble.extend(rest.text()?);
        let plugin = rest.text()?.to_vec();
        let second = 1 + version.len() + 1 + 4 + 8 + 1 + 1;
        Ok(Self { second, plugin, scramble, payload: packet.payload })
    }

    /// The packet for the client, who is offered TLS or not.
    pub(super) fn packet(&self, tls: bool) -> anyhow::Result<Packet> {
        let mut payload = self.payload.clone();
        let capabilities = payload.get_mut(self.second).context("the greeting is short")?;
        let [_, bit, ..] = TLS.to_le_bytes();
        *capabilities = if tls { *capabilities | bit } else { *capabilities & !bit };
        Ok(Packet { sequence: 0, payload })
    }

    /// How the server proves passwords unless it says otherwise.
    pub(super) fn plugin(&self) -> &[u8] {
        &self.plugin
    }

    /// What proves a password to this server
    /// (<https://mariadb.com/kb/en/authentication-plugin-mysql_native_password/>).
    pub(super) fn proof(&self, password: &str) -> anyhow::Result<Vec<u8>> {
        ensure!(self.plugin == b"mysql_native_password", "the server wants another proof of passwords");
        let sha1 = |parts: &[&[u8]]| -> Digest { digest(&SHA1_FOR_LEGACY_USE_ONLY, &parts.concat()) };
        let once = sha1(&[password.as_bytes()]);
        let twice = sha1(&[once.as_ref()]);
        let mask = sha1(&[&self.scramble, twice.as_ref()]);
        Ok(once.as_ref().iter().zip(mask.as_ref()).map(|(byte, mask)| byte ^ mask).collect())
    }

    /// What asks a client who was greeted by someone else for a proof that this server takes.
    pub(super) fn switch(&self, sequence: u8) -> Packet {
        let payload = [&[AUTH_SWITCH], self.plugin.as_slice(), &[0], &self.scramble, &[0]].concat();
        Packet { sequence, payload }
    }
}

/// What is left of a payload.
#[derive(Debug)]
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn bytes(&mut self, count: usize) -> anyhow::Result<&'a [u8]> {
        let (bytes, rest) = self.0.split_at_checked(count).context("a packet is short")?;
        self.0 = rest;
        Ok(bytes)
    }

    /// Up to a zero, which is skipped.
    pub(super) fn text(&mut self) -> anyhow::Result<&'a [u8]> {
        let length = self.0.iter().position(|byte| *byte == 0).context("a text has no end")?;
        let text = self.bytes(length)?;
        self.bytes(1)?;
        Ok(text)
    }

    /// A byte with a length, and so many bytes. Longer ones than 250 bytes are not in use here.
    pub(super) fn counted(&mut self) -> anyhow::Result<&'a [u8]> {
        match self.bytes(1)? {
            [length @ ..=250] => self.bytes((*length).into()),
            _ => bail!("a proof of a password is too long"),
        }
    }
}

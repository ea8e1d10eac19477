//! Packets of the MySQL protocol: three bytes of length, a sequence number, and the payload.

use anyhow::bail;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use super::Refusal;

/// One packet.
#[derive(Clone, Debug)]
pub(super) struct Packet {
    /// Counts up, in both directions together, from 0 at the greeting.
    pub(super) sequence: u8,
    pub(super) payload: Vec<u8>,
}

impl Packet {
    /// The next one, and not a byte more: what follows may be TLS.
    pub(super) async fn read(from: &mut (impl AsyncRead + Unpin)) -> anyhow::Result<Self> {
        let mut header = [0; 4];
        from.read_exact(&mut header).await?;
        let [low, middle, high, sequence] = header;
        let length = u32::from_le_bytes([low, middle, high, 0]);
        if length > LONGEST {
            bail!("no login needs a packet of {length} bytes");
        }
        let mut payload = vec![0; usize::try_from(length)?];
        from.read_exact(&mut payload).await?;
        Ok(Self { sequence, payload })
    }

    pub(super) async fn write(&self, to: &mut (impl AsyncWrite + Unpin)) -> anyhow::Result<()> {
        let [low, middle, high, _] = u32::try_from(self.payload.len())?.to_le_bytes();
        let mut bytes = vec![low, middle, high, self.sequence];
        bytes.extend_from_slice(&self.payload);
        to.write_all(&bytes).await?;
        Ok(to.flush().await?)
    }

    /// The answer to this one that is an error, as a server would say it.
    pub(super) fn refusal(&self, refusal: &Refusal) -> Self {
        let Refusal { code, sqlstate, message } = refusal;
        let mut payload = vec![ERR];
        payload.extend(code.to_le_bytes());
        payload.extend(format!("#{sqlstate}{message}").as_bytes());
        Self { sequence: self.sequence.wrapping_add(1), payload }
    }

    /// The answer to this one that asks for the password in clear text, without data, as RDS does it.
    pub(super) fn ask_password(&self) -> Self {
        let payload = [&[AUTH_SWITCH], CLEAR_PASSWORD, &[0]].concat();
        Self { sequence: self.sequence.wrapping_add(1), payload }
    }

    /// What kind of answer it is.
    pub(super) fn kind(&self) -> Option<u8> {
        self.payload.first().copied()
    }
}

/// The first byte of an answer: it is done.
pub(super) const OK: u8 = 0x00;
/// The first byte of an answer: it went wrong.
pub(super) const ERR: u8 = 0xff;
/// The first byte of a server's demand: log in by another plugin, or with another scramble.
pub(super) const AUTH_SWITCH: u8 = 0xfe;

/// The plugin by which a password goes as it is, with a zero behind it.
const CLEAR_PASSWORD: &[u8] = b"mysql_clear_password";

const LONGEST: u32 = 1 << 20;

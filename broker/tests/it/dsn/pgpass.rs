//! A server that asks for the password in the clear, remembers it, and lets nobody in.

use std::io::{self, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// The trap. Its thread ends with the process.
pub(super) struct Trap {
    port: u16,
    passwords: Arc<Mutex<Vec<String>>>,
}

impl Trap {
    pub(super) fn open() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let passwords = Arc::new(Mutex::new(Vec::new()));
        let caught = Arc::clone(&passwords);
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let password = catch(&mut stream).unwrap_or_else(|error| format!("({error})"));
                // Before the stream is closed, for which the client waits.
                caught.lock().unwrap().push(password);
            }
        });
        Self { port, passwords }
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    pub(super) fn passwords(&self) -> Vec<String> {
        self.passwords.lock().unwrap().clone()
    }
}

/// <https://www.postgresql.org/docs/current/protocol-message-formats.html>: startup, request for a password, password.
fn catch(stream: &mut TcpStream) -> io::Result<String> {
    message(stream)?;
    stream.write_all(b"R\0\0\0\x08\0\0\0\x03")?;
    let mut kind = [0];
    stream.read_exact(&mut kind)?;
    let mut password = message(stream)?;
    password.pop();
    String::from_utf8(password).map_err(io::Error::other)
}

fn message(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let mut body = vec![0; u32::from_be_bytes(length) as usize - 4];
    stream.read_exact(&mut body)?;
    Ok(body)
}

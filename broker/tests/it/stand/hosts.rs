//! Names of hosts that only the programs of a test know.

use std::io::Write as _;

use tempfile::NamedTempFile;

/// What lets a program that is started with it find hosts on this machine.
pub struct Hosts {
    file: NamedTempFile,
    library: String,
}

impl Hosts {
    /// These, as lines of `/etc/hosts`, and `localhost`.
    pub fn new(lines: &str) -> Self {
        let mut file = NamedTempFile::new().unwrap();
        file.write_all(format!("127.0.0.1 localhost\n::1 localhost\n{lines}").as_bytes()).unwrap();
        let folders = std::fs::read_dir("/usr/lib").unwrap().map(|folder| folder.unwrap().path());
        let library = folders.map(|folder| folder.join("libnss_wrapper.so")).find(|file| file.is_file());
        let library = library.expect("libnss-wrapper is not installed: .ci/deps").display().to_string();
        Self { file, library }
    }

    /// Its variables.
    pub fn environment(&self) -> [(&str, &str); 2] {
        [("LD_PRELOAD", &self.library), ("NSS_WRAPPER_HOSTS", self.file.path().to_str().unwrap())]
    }
}

//! What shells and man(1) know of this command.

use std::path::Path;

use anyhow::Context as _;
use clap::CommandFactory;
use clap_complete::Shell;

/// Completions on the standard output.
pub(crate) fn completions<C: CommandFactory>(shell: Shell) {
    clap_complete::generate(shell, &mut C::command(), "dsn", &mut std::io::stdout());
}

/// A page for the command and for each of its subcommands.
pub(crate) fn man<C: CommandFactory>(folder: &Path) -> anyhow::Result<()> {
    let written =
        std::fs::create_dir_all(folder).and_then(|()| clap_mangen::generate_to(C::command(), folder));
    written.with_context(|| format!("the pages cannot be written into {}", folder.display()))
}

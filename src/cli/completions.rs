//! `completions`: what makes the tab key work.

use clap::Args;
use clap_complete::Shell;

use super::args::print;
use super::failure::{Exit, Failure};

/// Print the completion script of a shell
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pokedex completions bash > ~/.local/share/bash-completion/completions/pokedex
  pokedex completions zsh > ~/.zfunc/_pokedex
  pokedex completions fish > ~/.config/fish/completions/pokedex.fish")]
pub struct Completions {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

impl Completions {
    pub fn run(self) -> Result<Exit, Failure> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut super::command(), "pokedex", &mut script);
        print(&script)?;
        Ok(Exit::Done)
    }
}

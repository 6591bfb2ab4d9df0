//! `man`: manual pages, made from the same definitions as the help.

use std::path::PathBuf;

use clap::Args;

use super::args::print;
use super::failure::{Exit, Failure};
use crate::io::write_file;

/// Print a manual page, or write all of them to a folder
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pokedex man query | man -l -
  pokedex man -o ~/.local/share/man/man1/")]
pub struct Man {
    /// The subcommand to explain [default: pokedex itself]
    #[arg(value_name = "COMMAND", conflicts_with = "output")]
    subcommand: Option<String>,

    /// Write the pages of all commands to this folder
    #[arg(short, long, value_name = "DIR")]
    output: Option<PathBuf>,
}

impl Man {
    pub fn run(self) -> Result<Exit, Failure> {
        let pages = pages();
        match (self.output, self.subcommand) {
            (Some(folder), _) => {
                for (name, page) in pages {
                    write_file(&folder.join(format!("{name}.1")), &page)?;
                }
            }
            (None, subcommand) => {
                let name = subcommand.map_or("pokedex".into(), |s| format!("pokedex-{s}"));
                let names: Vec<String> = pages.iter().map(|(name, _)| name.replacen("pokedex-", "", 1)).collect();
                let page = pages.iter().find(|(page, _)| *page == name).ok_or_else(|| {
                    Failure::usage(
                        format!("no manual page for `{}`", name.replacen("pokedex-", "", 1)),
                        format!("there are: {}", names.join(", ")),
                    )
                })?;
                print(&page.1)?;
            }
        }
        Ok(Exit::Done)
    }
}

/// Every page by its name: `pokedex`, `pokedex-query`, `pokedex-model-list`, …
fn pages() -> Vec<(String, Vec<u8>)> {
    fn walk(command: &clap::Command, pages: &mut Vec<(String, Vec<u8>)>) {
        let name = command.get_display_name().unwrap_or(command.get_name()).to_string();
        let mut page = Vec::new();
        clap_mangen::Man::new(command.clone()).date("").render(&mut page).expect("writing to memory does not fail");
        pages.push((name, page));
        command.get_subcommands().for_each(|child| walk(child, pages));
    }
    let mut command = super::command();
    command.build();
    let mut pages = Vec::new();
    walk(&command, &mut pages);
    pages
}

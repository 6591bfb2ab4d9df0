//! `man`: manual pages, made from the same definitions as the help.

use std::path::PathBuf;

use clap::Args;
use roff::{Roff, bold, italic, roman};

use super::args::print;
use crate::cli::exit::Exit;
use crate::failure::Failure;
use crate::io::write_file;
use crate::output::ensure_folder;

/// Print a manual page, or write all of them to a folder
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pokedex man query | man -l -
  pokedex man -o ~/.local/share/man/man1/")]
pub(super) struct Man {
    /// The subcommand to explain [default: pokedex itself]
    #[arg(value_name = "COMMAND", conflicts_with = "output")]
    subcommand: Option<String>,

    /// Write the pages of all commands to this folder
    #[arg(short, long, value_name = "DIR")]
    output: Option<PathBuf>,
}

impl Man {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        let pages = pages();
        match (self.output, self.subcommand) {
            (Some(folder), _) => {
                ensure_folder(&folder)?;
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

/// Exit codes, and the commands that end with them (none named: all).
const EXIT_STATUS: &[(&str, &str, &[&str])] = &[
    ("0", "Done; also when the reader of standard output went away.", &[]),
    ("1", "Failed; no output file has changed, and in a folder no file is half written.", &[]),
    ("2", "Wrong usage.", &[]),
    (
        "3",
        "Done, but inputs were skipped: each is named on standard error and kept as a row with an error. \
         --skip-ok makes it 0, --strict makes the first one a failure.",
        &[
            "scan",
            "frames",
            "convert-rgb",
            "split",
            "check",
            "dedup",
            "augment",
            "embed",
            "index",
            "query",
            "train",
            "classify",
            "export",
        ],
    ),
    ("4", "Something is wrong with the data set.", &["check", "export"]),
    ("130, 143", "Interrupted, or terminated.", &[]),
];

/// Environment variables, and the commands that look at them (none named: all).
const ENVIRONMENT: &[(&str, &str, &[&str])] = &[
    ("POKEDEX_INDEX", "The table that query searches without --index.", &["query"]),
    ("POKEDEX_CACHE", "Folder of vectors and of what else is costly to make.", USE_MODELS),
    (
        "POKEDEX_CACHE_LIMIT",
        "How large the cache may become: 500M, 2G; 0 keeps nothing. 10G if it is not set.",
        &["embed", "query", "classify", "train", "cache"],
    ),
    ("POKEDEX_MODELS", "Folder of models that were pulled.", USE_MODELS),
    (
        "POKEDEX_FFMPEG",
        "ffmpeg, or the folder that it and ffprobe are in, where they are not on the path.",
        &["frames"],
    ),
    ("ORT_DYLIB_PATH", "The shared library of ONNX Runtime, or its folder.", USE_MODELS),
    ("HF_ENDPOINT, HF_HOME, HF_TOKEN, HF_HUB_OFFLINE", "As Hugging Face's own tools read them.", &["model"]),
    ("TMPDIR", "Where standard input and pipes are spooled when they must be read more than once.", &[]),
    ("NO_COLOR", "No colours where it is set.", &[]),
];

/// Commands that run a model.
const USE_MODELS: &[&str] = &["embed", "query", "classify", "train", "model", "cache"];

/// Files, and the commands that read or write them.
const FILES: &[(&str, &str, &[&str])] = &[
    ("~/.cache/pokedex/", "The cache, if POKEDEX_CACHE is not set.", USE_MODELS),
    ("~/.local/share/pokedex/models/", "Models, if POKEDEX_MODELS is not set.", USE_MODELS),
    ("~/.local/share/pokedex/lib/", "Where ONNX Runtime is looked for.", USE_MODELS),
    (
        "INDEX.arrow, INDEX.ann, INDEX.graph",
        "What lies beside INDEX.parquet and makes searching it quicker; the table's footer names them.",
        &["index", "query", "classify"],
    ),
    (
        "DIR/manifest.parquet",
        "The table of what a folder holds: written last, and read in place of the folder.",
        &["convert-rgb", "augment", "export"],
    ),
];

/// Every page by its name: `pokedex`, `pokedex-query`, `pokedex-model-list`, …
fn pages() -> Vec<(String, Vec<u8>)> {
    fn walk(command: &clap::Command, pages: &mut Vec<(String, Vec<u8>)>) {
        pages.push((name(command).to_string(), page(command)));
        command.get_subcommands().for_each(|child| walk(child, pages));
    }
    let mut command = super::command();
    command.build();
    let mut pages = Vec::new();
    walk(&command, &mut pages);
    pages
}

fn name(command: &clap::Command) -> &str {
    command.get_display_name().unwrap_or(command.get_name())
}

/// A page with the sections that readers of manuals know.
fn page(command: &clap::Command) -> Vec<u8> {
    const MEMORY: &str = "writing to memory does not fail";
    let version = concat!("pokedex ", env!("CARGO_PKG_VERSION"));
    let man = clap_mangen::Man::new(command.clone()).date("").source(version).manual("Pokedex Manual");
    let mut page = Vec::new();
    man.render_title(&mut page).expect(MEMORY);
    man.render_name_section(&mut page).expect(MEMORY);
    synopsis(command).to_writer(&mut page).expect(MEMORY);
    man.render_description_section(&mut page).expect(MEMORY);
    man.render_options_section(&mut page).expect(MEMORY);
    if command.has_subcommands() {
        man.render_subcommands_section(&mut page).expect(MEMORY);
    }
    let mut rest = Roff::new();
    examples(&mut rest, command);
    // `pokedex-index-info` is about what `pokedex-index` is about; `pokedex` is about everything.
    let subject = name(command).split('-').skip(1).collect::<Vec<_>>().join("-");
    let of = |commands: &[&str]| {
        commands.is_empty() || subject.is_empty() || commands.iter().any(|name| subject.starts_with(name))
    };
    for (heading, lines) in [("EXIT STATUS", EXIT_STATUS), ("ENVIRONMENT", ENVIRONMENT), ("FILES", FILES)] {
        let lines: Vec<_> = lines.iter().filter(|(_, _, commands)| of(commands)).collect();
        if !lines.is_empty() {
            rest.control("SH", [heading]);
        }
        for (term, text, _) in lines {
            rest.control("TP", []);
            rest.text([bold(*term)]);
            rest.text([roman(*text)]);
        }
    }
    see_also(&mut rest, command);
    rest.to_writer(&mut page).expect(MEMORY);
    page
}

/// As the help shows it, since a list of all options says nothing.
fn synopsis(command: &clap::Command) -> Roff {
    let usage = command.clone().render_usage().to_string();
    let mut roff = Roff::new();
    roff.control("SH", ["SYNOPSIS"]);
    for line in usage.trim_start_matches("Usage:").lines().map(str::trim).filter(|line| !line.is_empty()) {
        let called = command.get_bin_name().unwrap_or(name(command));
        let rest = line.strip_prefix(called).unwrap_or(line).to_string();
        roff.text([bold(called), italic(rest)]);
    }
    roff
}

/// The examples of the help, as they are typed: neither filled nor hyphenated.
fn examples(roff: &mut Roff, command: &clap::Command) {
    let Some(help) = command.get_after_long_help().or(command.get_after_help()) else { return };
    let help = help.to_string();
    let mut open = false;
    for line in help.lines() {
        match line.strip_suffix(':').filter(|heading| !heading.starts_with(' ')) {
            Some(heading) => {
                if std::mem::take(&mut open) {
                    roff.control("fi", []);
                }
                roff.control("SH", [heading.to_uppercase().as_str()]);
                roff.control("nf", []);
                open = true;
            }
            None => {
                roff.text([roman(line.strip_prefix("  ").unwrap_or(line))]);
            }
        }
    }
    if open {
        roff.control("fi", []);
    }
}

/// The page above, those below, and those of the stages before and after.
fn see_also(roff: &mut Roff, command: &clap::Command) {
    let own = name(command);
    let mut pages: Vec<String> = Vec::new();
    if let Some((parent, _)) = own.rsplit_once('-').filter(|_| own != "pokedex") {
        // `pokedex-convert-rgb` has no parent `pokedex-convert`.
        let is_stage = super::command().get_subcommands().any(|stage| format!("pokedex-{}", stage.get_name()) == own);
        pages.push(if is_stage { "pokedex".into() } else { parent.into() });
    }
    pages.extend(command.get_subcommands().map(|child| name(child).to_string()));
    let stage = own.strip_prefix("pokedex-").unwrap_or_default();
    let neighbours = SEE_ALSO.iter().find(|(name, _)| *name == stage).map_or(&[][..], |(_, others)| others);
    pages.extend(neighbours.iter().map(|name| format!("pokedex-{name}")));
    roff.control("SH", ["SEE ALSO"]);
    let last = pages.len().saturating_sub(1);
    for (at, page) in pages.iter().enumerate() {
        roff.text([bold(page.as_str()), roman(if at == last { "(1)" } else { "(1)," })]);
    }
}

/// Which pages one wants to read next.
const SEE_ALSO: &[(&str, &[&str])] = &[
    ("scan", &["convert-rgb", "embed", "check"]),
    ("convert-rgb", &["scan", "embed", "export"]),
    ("split", &["check", "augment", "export", "train"]),
    ("check", &["split", "export", "dedup"]),
    ("dedup", &["check", "scan", "query"]),
    ("augment", &["split", "export"]),
    ("embed", &["index", "query", "train", "model", "cache"]),
    ("index", &["embed", "query", "export"]),
    ("query", &["embed", "index", "classify"]),
    ("train", &["embed", "split", "classify", "evaluate"]),
    ("classify", &["train", "evaluate", "model"]),
    ("evaluate", &["classify", "train"]),
    ("export", &["split", "check", "index"]),
    ("model", &["embed", "cache"]),
    ("cache", &["embed", "model"]),
    ("completions", &["man"]),
    ("man", &["completions"]),
];

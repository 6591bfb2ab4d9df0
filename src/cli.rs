//! The command line: what can be asked for, and how a failure becomes an exit code.

mod args;
mod augment;
mod cache;
mod check;
mod classify;
mod completions;
mod convert_rgb;
mod dedup;
mod embed;
mod evaluate;
mod exit;
mod export;
mod frames;
mod index;
mod man;
mod map;
mod mcp;
mod model;
mod query;
mod read;
mod sample;
mod scan;
mod schema;
mod serve;
mod split;
mod train;
mod ui;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

use crate::failure::Failure;
use crate::model::cache::keep_pictures_of_the_web;
use crate::model::trial;
use crate::progress::Progress;
use crate::{guard, io, notes};
use exit::Exit;
use ui::{Talk, Ui};

/// Embed, search and classify images from the shell; knows all 1025 Pokémon out of the box.
#[derive(Debug, Parser)]
#[command(name = "pokedex", version, max_term_width = 100, disable_help_subcommand = true, after_help = ORIENTATION_EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,

    /// Say only why a command failed
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    quiet: bool,

    /// Say what was done as well
    #[arg(short, long, global = true)]
    verbose: bool,
}

const ORIENTATION_EXAMPLES: &str = "\
Examples:
  pokedex query \"fire dog\" --top 5
  pokedex scan photos/ -o manifest.parquet
  pokedex embed photos/ | pokedex index - -o photos.parquet
  pokedex query \"a red bird\" --index photos.parquet";

#[derive(Debug, Subcommand)]
enum Command {
    Scan(scan::Scan),
    Frames(frames::Frames),
    ConvertRgb(convert_rgb::ConvertRgb),
    Split(split::SplitArgs),
    Check(check::Check),
    Dedup(dedup::Dedup),
    Augment(augment::AugmentArgs),
    Read(read::ReadArgs),
    Embed(embed::Embed),
    Index(index::IndexArgs),
    Map(map::Map),
    Query(query::Query),
    Serve(serve::Serve),
    Mcp(mcp::Mcp),
    Sample(sample::SampleArgs),
    Train(train::Train),
    Classify(classify::Classify),
    Evaluate(evaluate::EvaluateArgs),
    Export(export::Export),
    Model(model::Model),
    Cache(cache::Cache),
    Completions(completions::Completions),
    Man(man::Man),
    Schema(schema::Schema),
}

/// The whole program.
pub fn main() -> ExitCode {
    if let Some(exit) = trial::asked() {
        return exit;
    }
    if let Ok(program) = std::env::current_exe() {
        trial::by(program);
    }
    guard::install(io::abandon_unfinished);
    keep_pictures_of_the_web();
    args::outlive_signals_of_files();
    let cli = match parse(std::env::args_os()) {
        Ok(cli) => cli,
        Err(e) => {
            // Help and version are answers, not failures; a closed pipe is neither.
            let _ = e.print();
            return Exit::from_clap(&e).into();
        }
    };
    let talk = match (cli.quiet, cli.verbose) {
        (true, _) => Talk::Quiet,
        (_, true) => Talk::Verbose,
        _ => Talk::Normal,
    };
    let mut ui = Ui::new(talk);
    if !matches!(cli.command, Some(Command::Serve(_))) {
        args::clean_up_when_interrupted();
    }
    let result = match cli.command {
        None => orientation(),
        Some(command) => run(command, &mut ui),
    };
    ui.finish();
    for line in notes::take() {
        ui.warn(&line);
    }
    match result {
        Ok(Exit::Done) if notes::is_left_out() => Exit::Skipped.into(),
        Ok(exit) => exit.into(),
        Err(failure) => {
            // Threads of the stage may still be writing files that nobody will finish.
            io::abandon_unfinished();
            if io::reader_closed() {
                return Exit::Done.into();
            }
            ui.fail(&failure.to_string(), &failure.hints);
            Exit::from(failure.kind).into()
        }
    }
}

/// Words that people try, and the command that does it.
const OTHER_NAMES: &[(&[&str], &str)] = &[
    (&["search", "find", "ask", "lookup", "similar", "knn"], "query"),
    (&["pick", "select", "subset", "coreset", "active-learning"], "sample"),
    (&["dedupe", "deduplicate", "duplicates", "duplicate", "copies", "same"], "dedup"),
    (&["predict", "infer", "recognize", "recognise", "identify", "label"], "classify"),
    (&["encode", "vectorize", "vectorise", "featurize"], "embed"),
    (&["build", "build-index", "ann"], "index"),
    (&["ls", "list", "manifest"], "scan"),
    (&["video", "videos", "films", "stills", "extract-frames", "ffmpeg"], "frames"),
    (&["validate", "verify", "lint"], "check"),
    (&["fit", "finetune", "fine-tune"], "train"),
    (&["eval", "score", "benchmark"], "evaluate"),
    (&["ocr", "text", "words", "transcribe", "tesseract"], "read"),
    (
        &[
            "umap",
            "tsne",
            "t-sne",
            "pca",
            "project",
            "projection",
            "plot",
            "visualize",
            "visualise",
            "cluster",
            "atlas",
            "scatter",
        ],
        "map",
    ),
    (&["server", "web", "http", "browse", "gui", "ui"], "serve"),
];

fn parse<A: Into<OsString> + Clone>(arguments: impl Iterator<Item = A>) -> Result<Cli, clap::Error> {
    use clap::FromArgMatches;
    use clap::error::{ContextKind, ContextValue, ErrorKind};
    let matches = numbers_may_be_negative(Cli::command()).try_get_matches_from(arguments).map_err(|mut error| {
        let named = match (error.kind(), error.get(ContextKind::InvalidSubcommand)) {
            (ErrorKind::InvalidSubcommand, Some(ContextValue::String(named))) => named.to_lowercase(),
            _ => return error,
        };
        if named == "help" {
            let help = "pokedex --help, or pokedex COMMAND --help";
            error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![help.into()]));
        } else if let Some((_, command)) = OTHER_NAMES.iter().find(|(names, _)| names.contains(&named.as_str())) {
            error.insert(ContextKind::SuggestedSubcommand, ContextValue::Strings(vec![command.to_string()]));
        } else if named.contains(' ') {
            let query = format!("pokedex query \"{named}\"");
            error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![query.into()]));
        }
        error
    })?;
    Cli::from_arg_matches(&matches)
}

/// `--top -1` is told that it is out of range, and not that there is no option -1.
fn numbers_may_be_negative(command: clap::Command) -> clap::Command {
    let takes_values = |arg: &clap::Arg| !arg.is_positional() && arg.get_action().takes_values();
    command
        .mut_args(|arg| if takes_values(&arg) { arg.allow_negative_numbers(true) } else { arg })
        .mut_subcommands(numbers_may_be_negative)
}

fn run(command: Command, ui: &mut Ui) -> Result<Exit, Failure> {
    match command {
        Command::Serve(c) => c.run(ui),
        Command::Mcp(c) => c.run(ui),
        Command::Model(c) => c.run(ui),
        Command::Completions(c) => c.run(),
        Command::Man(c) => c.run(),
        Command::Schema(c) => c.run(),
        stage => run_stage(stage, ui),
    }
}

/// Runs a subcommand inside another process, with the arguments of the command line: what a stage does, reads and writes is the
/// same, what it says goes to `progress`, and nothing ends the process. Gives the exit code that the program would have.
///
/// What was passed over is left in [`notes`] for the caller. Servers and what only prints are of no use here.
///
/// # Errors
/// As the subcommand; the arguments are wrong, or name none of a stage.
pub fn call(arguments: &[String], progress: &mut dyn Progress) -> Result<u8, Failure> {
    let program = std::iter::once("pokedex").chain(arguments.iter().map(String::as_str));
    let cli = parse(program).map_err(|e| {
        let text = e.to_string();
        let problem = text.lines().next().unwrap_or_default().trim_start_matches("error: ");
        Failure::usage(problem, "pokedex COMMAND --help tells all options")
    })?;
    let command = cli.command.ok_or_else(|| Failure::usage("no command is named", "pokedex --help"))?;
    notes::forgive();
    let result = run_stage(command, progress);
    progress.finish();
    Ok(match result? {
        Exit::Done if notes::is_left_out() => Exit::Skipped as u8,
        exit => exit as u8,
    })
}

fn run_stage(command: Command, ui: &mut dyn Progress) -> Result<Exit, Failure> {
    match command {
        Command::Scan(c) => c.run(ui),
        Command::Frames(c) => c.run(ui),
        Command::ConvertRgb(c) => c.run(ui),
        Command::Split(c) => c.run(ui),
        Command::Check(c) => c.run(ui),
        Command::Dedup(c) => c.run(ui),
        Command::Augment(c) => c.run(ui),
        Command::Read(c) => c.run(ui),
        Command::Embed(c) => c.run(ui),
        Command::Index(c) => c.run(ui),
        Command::Map(c) => c.run(ui),
        Command::Query(c) => c.run(ui),
        Command::Sample(c) => c.run(ui),
        Command::Train(c) => c.run(ui),
        Command::Classify(c) => c.run(ui),
        Command::Evaluate(c) => c.run(ui),
        Command::Export(c) => c.run(ui),
        Command::Cache(c) => c.run(ui),
        Command::Serve(_)
        | Command::Mcp(_)
        | Command::Model(_)
        | Command::Completions(_)
        | Command::Man(_)
        | Command::Schema(_) => Err(Failure::usage("this subcommand is for a shell", "run it there: pokedex COMMAND")),
    }
}

/// `pokedex` alone: where to begin.
fn orientation() -> Result<Exit, Failure> {
    let mut text = String::from("pokedex: embed, search and classify images; knows all 1025 Pokémon\n\n");
    for (line, what) in [
        ("pokedex query \"fire dog\" --top 5", "ask the built-in Pokédex"),
        ("pokedex embed photos/ -o e.parquet", "make a folder of pictures searchable …"),
        ("pokedex query \"a cat\" --index e.parquet", "… and search it"),
    ] {
        text.push_str(&format!("  {line:<39} {what}\n"));
    }
    text.push_str("\nCommands:\n");
    for command in command().get_subcommands() {
        let about = command.get_about().map(ToString::to_string).unwrap_or_default();
        text.push_str(&format!("  {:<13} {about}\n", command.get_name()));
    }
    text.push_str("\n`pokedex COMMAND --help` explains each and gives examples.\n");
    args::print(text.as_bytes())?;
    Ok(Exit::Done)
}

/// The whole command tree, for completions, man pages and the tests that walk it.
pub fn command() -> clap::Command {
    Cli::command()
}

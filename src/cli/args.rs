//! Arguments that several subcommands share, and what follows from them.

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arrow_schema::SchemaRef;
use clap::Args;

use crate::cli::exit::Exit;
use crate::failure::Failure;
use crate::io::{Sink, Target, abandon_unfinished};
use crate::model::{Device, Engine};
use crate::notes;
use crate::output::ensure_parquet;
use crate::stage::{self, Tally};
use crate::table::{IdSource, Inputs, Provenance, Shard, StreamFormat, Writer, column};
use crate::words::printable;

/// Where rows with images come from.
#[derive(Debug, Args)]
pub(super) struct ImageInputs {
    /// Image files, folders, tables (or a pattern of their names), addresses (s3://, gs://, https://), or - for standard input (a
    /// table or a list of paths)
    #[arg(required = true, value_name = "INPUT")]
    inputs: Vec<PathBuf>,

    /// Where class numbers come from
    #[arg(long, help_heading = "Input", value_enum, default_value_t, value_name = "SOURCE")]
    ids: IdSource,

    /// Make the keys of a list of paths relative to this folder, and look for the files of a table below it first
    #[arg(long, help_heading = "Input", value_name = "DIR")]
    root: Option<PathBuf>,

    /// Paths in a list end with NUL bytes, as `find -print0` writes them
    #[arg(short = '0', long, help_heading = "Input")]
    null: bool,
}

impl ImageInputs {
    /// Whether paths end with NUL bytes.
    pub(super) fn null(&self) -> bool {
        self.null
    }

    pub(super) fn to_inputs(&self) -> Inputs {
        Inputs {
            paths: self.inputs.clone(),
            ids: self.ids,
            root: self.root.clone(),
            nul_separated: self.null,
            ..Inputs::default()
        }
    }
}

/// Which part of the rows a run is for.
#[derive(Debug, Args)]
pub(super) struct Part {
    /// Only the rows of this shard, by a hash of their keys: `--shard 3/100` in the third of a hundred runs that share the input
    #[arg(long, help_heading = "Input", value_name = "I/N")]
    shard: Option<Shard>,
}

impl Part {
    /// The inputs with only these rows.
    pub(super) fn of(&self, inputs: Inputs) -> Inputs {
        Inputs { shard: self.shard, ..inputs }
    }
}

/// Where rows of a table come from.
#[derive(Debug, Args)]
pub(super) struct TableInputs {
    /// Tables (Parquet or Arrow; a folder or a pattern of names stands for all in it), addresses (s3://, gs://, https://), - for
    /// standard input, or pokedex: for the built-in Pokédex
    #[arg(required = true, value_name = "TABLE")]
    inputs: Vec<PathBuf>,
}

impl TableInputs {
    pub(super) fn to_inputs(&self) -> Inputs {
        Inputs { paths: self.inputs.clone(), ..Inputs::default() }
    }
}

/// Where a table goes.
#[derive(Debug, Args)]
pub(super) struct TableOutput {
    /// Write the table to this file [default: standard output, when it is not a terminal]
    #[arg(short, long, help_heading = "Output", value_name = "FILE")]
    pub output: Option<PathBuf>,

    /// Format of a table on standard output; arrow (an IPC stream) never touches the disk
    #[arg(long, help_heading = "Output", value_enum, default_value_t, value_name = "FORMAT")]
    pub stdout_format: StreamFormat,
}

impl TableOutput {
    /// Opens the output, before any work is done.
    pub(super) fn open(&self) -> Result<Sink, Failure> {
        let target = Target::parse(self.output.as_deref());
        ensure_parquet(&target)?;
        Ok(Sink::open(&target, true)?)
    }

    /// Starts the table.
    pub(super) fn start(&self, sink: Sink, schema: &SchemaRef, provenance: &Provenance) -> Result<Writer, Failure> {
        let format = match Target::parse(self.output.as_deref()) {
            Target::Stdout => self.stdout_format,
            _ => StreamFormat::Parquet,
        };
        Ok(Writer::new(sink, schema, provenance, format)?)
    }
}

/// What computes vectors.
#[derive(Debug, Args)]
pub(super) struct Engines {
    /// What runs the model; the built-in model and .rten files always run in rten [default: auto]
    #[arg(long, help_heading = "Model", value_enum, default_value_t, hide_default_value = true)]
    pub engine: Engine,

    /// Where ONNX Runtime computes [default: cpu]
    #[arg(long, help_heading = "Model", value_enum, default_value_t, hide_default_value = true)]
    pub device: Device,
}

/// How many threads `-j` means.
pub(super) fn threads(jobs: Option<u16>) -> usize {
    match jobs {
        Some(jobs) => jobs.into(),
        None => stage::processors(),
    }
}

/// The format of results that nobody asked for: one for people on a terminal, another in pipes and files.
pub(super) fn default_format<F>(target: &Target, terminal: F, other: F) -> F {
    if *target == Target::Stdout && std::io::stdout().is_terminal() { terminal } else { other }
}

/// On Ctrl-C (or `kill`) unfinished outputs are removed and the process ends as a shell expects: 128 + signal.
pub(super) fn clean_up_when_interrupted() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        when_interrupted(|signal| {
            abandon_unfinished();
            signal_hook::low_level::exit(128 + signal);
        });
    });
}

/// On Ctrl-C (or `kill`) whoever waits for nothing else is told to stop, which is as good an end as any; at the second the
/// process ends.
pub(super) fn stop_when_interrupted(stop: impl Fn() + Send + 'static) {
    let told = AtomicBool::new(false);
    when_interrupted(move |signal| match told.swap(true, Ordering::Relaxed) {
        false => stop(),
        true => signal_hook::low_level::exit(128 + signal),
    });
}

/// Calls this for every signal that ends a process, unless the process was started to ignore it.
fn when_interrupted(act: impl Fn(i32) + Send + 'static) {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    let ignored = ignored();
    let signals = [SIGINT, SIGTERM, SIGHUP].into_iter().filter(|&signal| ignored & (1 << (signal - 1)) == 0);
    let Ok(mut signals) = signal_hook::iterator::Signals::new(signals) else { return };
    std::thread::spawn(move || signals.forever().for_each(act));
}

/// What the system says by a signal that would end the process without a word. A file that grows beyond `ulimit -f` is an
/// error of whoever writes it; a mapped file that another program cuts short cannot be read on, and that is said.
#[expect(
    unsafe_code,
    reason = "what runs in the handler only writes and ends the process, which signal-safety(7) allows"
)]
pub(super) fn outlive_signals_of_files() {
    use signal_hook::consts::{SIGBUS, SIGXFSZ};
    // With a handler, whatever it does, the write fails (EFBIG).
    let _ = signal_hook::flag::register(SIGXFSZ, Arc::new(AtomicBool::new(false)));
    const CUT: &[u8] = b"pokedex: a file was cut short while it was read: an index, a table or a model\n\
        hint: run this again; whoever renews such a file should write it beside and rename it (mv), as pokedex does\n";
    let say = || {
        // SAFETY: write(2) on a buffer that lives as long as the program.
        unsafe { libc::write(libc::STDERR_FILENO, CUT.as_ptr().cast(), CUT.len()) };
        signal_hook::low_level::exit(Exit::Failed as i32);
    };
    // SAFETY: see above; the handler that was there before (Rust's, for overflows of the stack) is called first.
    let _ = unsafe { signal_hook::low_level::register(SIGBUS, say) };
}

/// The signals, a bit each, that the process was started to ignore, as `nohup` does; they go on being ignored.
fn ignored() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}

/// What to do about inputs that cannot be processed, and on how many threads.
#[derive(Debug, Args)]
pub(super) struct Work {
    /// Number of threads [default: the number of processors]
    #[arg(short, long, help_heading = "Work", value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    jobs: Option<u16>,

    /// Exit with 0 although inputs were skipped
    #[arg(long, help_heading = "Work")]
    skip_ok: bool,

    /// Fail at the first input that cannot be processed
    #[arg(long, help_heading = "Work", conflicts_with = "skip_ok")]
    strict: bool,
}

impl Work {
    /// How the library works then.
    pub(super) fn work(&self) -> stage::Work {
        stage::Work { threads: self.threads(), strict: self.strict }
    }

    /// Number of threads.
    pub(super) fn threads(&self) -> usize {
        threads(self.jobs)
    }

    /// The exit code after so many rows.
    pub(super) fn exit(&self, tally: &Tally) -> Exit {
        if self.skip_ok {
            notes::forgive();
        }
        if tally.skipped > 0 && !self.skip_ok { Exit::Skipped } else { Exit::Done }
    }
}

/// Writes to standard output.
pub(super) fn print(bytes: &[u8]) -> Result<(), Failure> {
    let mut sink = Sink::open(&Target::Stdout, false)?;
    sink.write_all(bytes).map_err(crate::io::Error::Stdout)?;
    Ok(sink.finish()?)
}

/// Adds a line that tells a person one fact.
pub(super) fn fact(text: &mut String, name: &str, value: impl std::fmt::Display) {
    text.push_str(&format!("{name:<11} {}\n", printable(&value.to_string())));
}

/// A number of which something holds, for clap.
pub(super) fn number<T: std::str::FromStr>(
    text: &str,
    holds: impl Fn(&T) -> bool,
    expected: &str,
) -> Result<T, String> {
    text.parse().ok().filter(holds).ok_or_else(|| format!("expected {expected}"))
}

/// A name for a new column that means nothing else.
pub(super) fn free_name(name: &str) -> Result<String, String> {
    match column::RESERVED.contains(&name) || name.is_empty() {
        true => Err("this column means something else; try another name".into()),
        false => Ok(name.into()),
    }
}

/// Width and height in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Size(pub u32, pub u32);

impl std::str::FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Size, String> {
        let (width, height) = text.split_once(['x', 'X']).unwrap_or((text, text));
        let side = |text: &str| text.parse().ok().filter(|side| (1..=16384).contains(side));
        match (side(width), side(height)) {
            (Some(width), Some(height)) => Ok(Size(width, height)),
            _ => Err("expected N or WxH with sides from 1 to 16384".into()),
        }
    }
}

/// A number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bytes(pub u64);

impl std::str::FromStr for Bytes {
    type Err = String;

    /// `200MB`, `1.5GB`, `64kB`, `1000000`; powers of ten.
    fn from_str(text: &str) -> Result<Bytes, String> {
        let text = text.trim().to_ascii_lowercase();
        let text = text.strip_suffix('b').unwrap_or(&text);
        let (number, unit) = match text.char_indices().last() {
            Some((at, 'k')) => (&text[..at], 1e3),
            Some((at, 'm')) => (&text[..at], 1e6),
            Some((at, 'g')) => (&text[..at], 1e9),
            _ => (text, 1.0),
        };
        let number: f64 = number.trim().parse().unwrap_or(f64::NAN);
        let bytes = number * unit;
        if bytes.is_finite() && bytes >= 1.0 { Ok(Bytes(bytes as u64)) } else { Err("expected a size as 200MB".into()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs itself once more: what is tested ends the process.
    #[test]
    fn a_mapped_file_that_is_cut_short_ends_the_process_with_a_message() {
        const FILE: &str = "POKEDEX_TEST_CUT";
        if let Some(file) = std::env::var_os(FILE) {
            outlive_signals_of_files();
            let bytes = crate::io::map(file.as_ref()).expect("mapped");
            std::fs::write(&file, "").expect("cut");
            panic!("there was {}", bytes[100_000]);
        }
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), [1; 200_000]).expect("written");
        let test = "cli::args::tests::a_mapped_file_that_is_cut_short_ends_the_process_with_a_message";
        let mut again = std::process::Command::new(std::env::current_exe().expect("this program"));
        let run = again.args(["--exact", test, "--nocapture"]).env(FILE, file.path()).output().expect("it runs");
        let said = String::from_utf8_lossy(&run.stderr);
        assert_eq!(run.status.code(), Some(1), "{said}");
        assert!(
            said.starts_with("pokedex: a file was cut short while it was read") && said.contains("\nhint: "),
            "{said}"
        );
    }

    #[test]
    fn sizes_parse() {
        assert_eq!("224".parse(), Ok(Size(224, 224)));
        assert_eq!("640x480".parse(), Ok(Size(640, 480)));
        for wrong in ["", "0", "1x0", "x", "99999", "-1", "1x2x3"] {
            assert!(wrong.parse::<Size>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn sizes_of_shards_parse() {
        for (text, bytes) in [("200MB", 200_000_000), ("1.5gb", 1_500_000_000), ("64k", 64_000), ("12", 12), ("7B", 7)]
        {
            assert_eq!(text.parse(), Ok(Bytes(bytes)), "{text}");
        }
        for wrong in ["", "MB", "0", "-1MB", "much", "infGB"] {
            assert!(wrong.parse::<Bytes>().is_err(), "{wrong}");
        }
    }
}

//! The first run of a graph, in a process of its own with little memory and time.
//!
//! A file can make an engine allocate without end, compute without end, or crash, and none of that can be caught where it
//! happens. So a tower that never ran here is run once on a blank input by a child of this process; how that went is
//! remembered beside the prepared tower. Promises: what a graph does to its engine ends as an error of its file. Where no
//! program is named ([`by`]), as in other people's programs, graphs are trusted.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::sync::OnceLock;

use serde_json::{Value, json};

use super::cache::own::{Kind as Own, TRIED};
use super::choice::{self, Choice};
use super::engine::{Batch, Device, Ends, Engine, Role, Use};
use super::onnx::Kind;
use super::{ort, rten};

/// What a blank input of a tower is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Sample {
    Pixels([usize; 4]),
    Tokens([usize; 2]),
}

impl Sample {
    fn batch(self) -> Batch {
        match self {
            Sample::Pixels(shape) => Batch::Pixels { data: vec![0.0; shape.iter().product()], shape },
            Sample::Tokens(shape) => {
                let numbers = shape.iter().product();
                Batch::Tokens { ids: vec![1; numbers], mask: vec![1; numbers], shape }
            }
        }
    }

    fn numbers(self) -> u64 {
        match self {
            Sample::Pixels(shape) => shape.iter().product::<usize>() as u64,
            Sample::Tokens(shape) => shape.iter().product::<usize>() as u64,
        }
    }
}

/// The argument by which the program is asked for a trial.
const ARGUMENT: &str = "--try-tower";

/// The error of a child that could say what is wrong.
const SAID: i32 = 1;

static PROGRAM: OnceLock<PathBuf> = OnceLock::new();

/// Names the program that tries graphs: this one.
pub fn by(program: PathBuf) {
    let _ = PROGRAM.set(program);
}

/// Memory that a tower may want for one input: more than any network of that size is known to, and the stacks of an
/// engine's threads.
fn bytes_for(weights: u64, numbers: u64) -> u64 {
    let threads = std::thread::available_parallelism().map_or(1, |threads| threads.get() as u64);
    (700 << 20) + weights.saturating_mul(6) + (numbers * 1200).min(2 << 30) + threads * (12 << 20)
}

/// And seconds of all its threads together.
fn seconds_for(weights: u64, numbers: u64) -> u64 {
    6 + weights / 50_000_000 + numbers / 400_000
}

/// Lets a tower run for the first time, unless `folder` remembers that it did.
///
/// # Errors
/// What is wrong with it, for a message.
pub(super) fn pass(
    graph: &Path,
    ends: &Ends,
    choice: Choice,
    sample: Sample,
    folder: Option<&Path>,
) -> Result<(), String> {
    let Some(program) = PROGRAM.get().filter(|_| choice.device == Device::Cpu) else { return Ok(()) };
    let engine = match choice.first(ends) {
        // Loading says why, which the child could not.
        Engine::Rten if ends.needs_ort.is_some() => return Ok(()),
        Engine::Ort => format!("onnxruntime-{}", ort::library().map_or("none", |library| &library.version)),
        _ => "rten".into(),
    };
    let mark = folder.map(|folder| folder.join(format!("{TRIED}{engine}-{}", env!("CARGO_PKG_VERSION"))));
    if mark.as_ref().is_some_and(|mark| mark.exists()) {
        return Ok(());
    }
    let child = Command::new(program)
        .args([OsString::from(ARGUMENT), graph.into(), told(ends, choice, sample).to_string().into()])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output();
    // A system that starts no process more lets the graph run here.
    let Ok(output) = child else { return Ok(()) };
    match output.status.code() {
        Some(0) => {
            if let (Some(mark), Some(folder)) = (mark, folder) {
                // Not remembering is slower, not wrong.
                let made = Own::Towers.make().and_then(|_| std::fs::create_dir_all(folder));
                let _ = made.and_then(|()| std::fs::write(mark, ""));
            }
            Ok(())
        }
        Some(SAID) => Err(String::from_utf8_lossy(&output.stdout).into_owned()),
        _ => {
            let weights = size_of(graph);
            let (bytes, seconds) = (bytes_for(weights, sample.numbers()) >> 20, seconds_for(weights, sample.numbers()));
            Err(format!(
                "its graph is damaged: tried alone, it crashed the engine, or wanted more than {bytes} MB or {seconds} \
                seconds of processor for one input"
            ))
        }
    }
}

/// Bytes of a graph and of the weights beside it.
fn size_of(graph: &Path) -> u64 {
    let size = |path: &Path| std::fs::metadata(path).map_or(0, |about| about.len());
    size(graph) + size(&graph.with_extension("onnx_data"))
}

fn told(ends: &Ends, choice: Choice, sample: Sample) -> Value {
    let inputs = ends.inputs.iter().map(|(name, role, kind)| {
        let role = match role {
            Role::Pixels => "pixels",
            Role::Ids => "ids",
            Role::Mask => "mask",
            Role::Types => "types",
        };
        json!([name, role, kind.to_string()])
    });
    let engine = match choice.engine {
        Engine::Auto => "auto",
        Engine::Rten => "rten",
        Engine::Ort => "ort",
    };
    let (pixels, tokens) = match sample {
        Sample::Pixels(shape) => (json!(shape), Value::Null),
        Sample::Tokens(shape) => (Value::Null, json!(shape)),
    };
    json!({
        "inputs": inputs.collect::<Value>(), "output": ends.output, "needs_ort": ends.needs_ort.is_some(),
        "keeps_borders": ends.keeps_borders, "engine": engine, "once": choice.use_ == Use::Once, "pixels": pixels, "tokens": tokens,
    })
}

/// What [`told`] told.
fn heard(told: &Value) -> Option<(Ends, Choice, Sample)> {
    let input = |input: &Value| {
        let role = match input[1].as_str()? {
            "pixels" => Role::Pixels,
            "ids" => Role::Ids,
            "mask" => Role::Mask,
            _ => Role::Types,
        };
        let kinds = [Kind::Float32, Kind::Float16, Kind::Int32, Kind::Int64, Kind::UInt8];
        let kind = kinds.into_iter().find(|kind| Some(&*kind.to_string()) == input[2].as_str());
        Some((input[0].as_str()?.to_string(), role, kind.unwrap_or(Kind::Other(None))))
    };
    let ends = Ends {
        inputs: told["inputs"].as_array()?.iter().map(input).collect::<Option<_>>()?,
        output: told["output"].as_str()?.into(),
        needs_ort: told["needs_ort"].as_bool()?.then_some("rten computes it otherwise"),
        keeps_borders: told["keeps_borders"].as_bool()?,
    };
    let engine = match told["engine"].as_str()? {
        "rten" => Engine::Rten,
        "ort" => Engine::Ort,
        _ => Engine::Auto,
    };
    let sizes = |key: &str| -> Option<Vec<usize>> {
        told[key].as_array()?.iter().map(|size| size.as_u64().map(|size| size as usize)).collect()
    };
    let sample = match (sizes("pixels"), sizes("tokens")) {
        (Some(pixels), _) => Sample::Pixels(pixels.try_into().ok()?),
        (_, tokens) => Sample::Tokens(tokens?.try_into().ok()?),
    };
    // The engine that is tried first depends on the use.
    let use_ = if told["once"].as_bool()? { Use::Once } else { Use::Bulk { calls: 1 } };
    Some((ends, Choice { engine, device: Device::Cpu, use_, keep: false }, sample))
}

/// Makes the first run of a graph that another process asked for, if this process is such a child. To be called before anything else.
pub fn asked() -> Option<ExitCode> {
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next()? != ARGUMENT {
        return None;
    }
    let (graph, told) = (PathBuf::from(arguments.next()?), arguments.next()?);
    let (ends, choice, sample) = heard(&serde_json::from_str(told.to_str()?).ok()?)?;
    let weights = size_of(&graph);
    limit(bytes_for(weights, sample.numbers()), seconds_for(weights, sample.numbers()));
    let tower = match graph.extension().is_some_and(|extension| extension == "rten") {
        true => rten::load_file(&graph, &ends, choice.use_),
        false => choice::load(&graph, &ends, choice),
    };
    match tower.and_then(|tower| tower.run(sample.batch())) {
        Ok(_) => Some(ExitCode::SUCCESS),
        Err(problem) => {
            use std::io::Write;
            let _ = std::io::stdout().write_all(problem.as_bytes());
            Some(ExitCode::from(SAID as u8))
        }
    }
}

/// Limits this process.
#[expect(unsafe_code, reason = "there is no safe interface to setrlimit(2) among the crates that are here")]
fn limit(bytes: u64, seconds: u64) {
    for (what, most) in [(libc::RLIMIT_DATA, bytes), (libc::RLIMIT_CPU, seconds), (libc::RLIMIT_CORE, 0)] {
        let limit = libc::rlimit { rlim_cur: most as libc::rlim_t, rlim_max: most as libc::rlim_t };
        // SAFETY: it reads a structure that outlives the call. Where it fails, nothing is limited.
        let _ = unsafe { libc::setrlimit(what, &limit) };
    }
}

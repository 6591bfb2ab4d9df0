//! ONNX Runtime: found on the machine, loaded when it is first asked for. Only home of `ort`.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock};

use half::f16;
use ort::environment::Environment;
use ort::ep;
use ort::session::builder::{GraphOptimizationLevel, SessionBuilder};
use ort::session::{Session, SessionInputValue};
use ort::value::{Tensor, TensorElementType, ValueType};

use super::engine::{Batch, Device, Ends, Output, Role, Tower, Use, bytes_of};
use super::onnx::Kind;
use super::packed::Packed;
use super::places::{chosen, entries, file_name, of_systems, own_folder, own_folder_in_words, packages};
use crate::guard;
use crate::matrix;

/// The shared library, loaded.
pub(super) struct Library {
    environment: Environment,
    pub path: PathBuf,
    pub version: String,
}

/// How a user gets the library, in one command.
pub(super) fn how_to_install() -> String {
    format!("pip install --no-deps --target {} onnxruntime, or ORT_DYLIB_PATH=FILE", own_folder_in_words())
}

/// ONNX Runtime, loaded once for the process.
///
/// # Errors
/// There is none, or it is too old or damaged: what was looked for, for a message.
pub(super) fn library() -> Result<&'static Library, &'static str> {
    static LIBRARY: OnceLock<Result<Library, String>> = OnceLock::new();
    LIBRARY.get_or_init(load_library).as_ref().map_err(String::as_str)
}

fn load_library() -> Result<Library, String> {
    let path = find().ok_or("ONNX Runtime was not found on this machine")?;
    let fail = |problem: String| format!("{}: {problem}", path.display());
    let environment = guard::catch(|| {
        let environment = ort::init_from(&path).map_err(|e| e.to_string())?;
        // What it logs is about itself; errors come back as errors.
        environment.with_logger(Arc::new(|_, _, _, _, _| {})).build().map_err(|e| e.to_string())
    });
    let environment = environment.unwrap_or_else(|| Err("is no usable ONNX Runtime".into())).map_err(fail)?;
    let version = version_of(&path);
    Ok(Library { environment, version, path })
}

/// The version, which is the end of the file's own name.
fn version_of(path: &Path) -> String {
    let name = file_name(&path.canonicalize().unwrap_or_else(|_| path.to_path_buf()));
    let version = name.trim_start_matches(|c: char| !c.is_ascii_digit()).trim_end_matches(".dylib");
    if version.is_empty() { "of unknown version".into() } else { version.into() }
}

/// The library's file: `$ORT_DYLIB_PATH` (a file or a folder), the tool's own folder, then where package managers put
/// it.
fn find() -> Option<PathBuf> {
    if let Some(path) = std::env::var_os("ORT_DYLIB_PATH").map(PathBuf::from).filter(|p| !p.as_os_str().is_empty()) {
        // What is asked for by name is used, or the error says why not.
        return Some(if path.is_dir() { in_folder(&path).unwrap_or(path) } else { path });
    }
    folders().iter().find_map(|folder| in_folder(folder))
}

fn folders() -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = own_folder().into_iter().collect();
    folders.extend(own_folder().map(|folder| folder.join("onnxruntime/capi")));
    folders.extend(chosen().iter().map(|prefix| prefix.join("lib")));
    for prefix in of_systems() {
        folders.push(prefix.join("lib"));
        folders.push(prefix.join("lib64"));
        folders.push(prefix.join(format!("lib/{}-linux-gnu", std::env::consts::ARCH)));
    }
    folders.extend(packages().iter().map(|packages| packages.join("onnxruntime/capi")));
    folders
}

/// The library in a folder; the newest by name where there are several.
fn in_folder(folder: &Path) -> Option<PathBuf> {
    let is_library = |path: &PathBuf| {
        let name = file_name(path);
        name.starts_with("libonnxruntime.so") || (name.starts_with("libonnxruntime") && name.ends_with(".dylib"))
    };
    entries(folder).filter(is_library).filter(|path| path.is_file()).max()
}

/// A tower's file, and how it is to be run.
struct Plan {
    path: PathBuf,
    /// Whether the file is what the library made of another.
    packed: bool,
    ends: Ends,
    use_: Use,
    device: Device,
    library: &'static Library,
}

/// As many sessions as calls: one session with several threads is slower than several with one, and `ort` does not let
/// two calls share a session.
struct Ort {
    /// First, so that nobody makes sessions any more when they go.
    _makers: Makers,
    plan: Arc<Plan>,
    sessions: Arc<Sessions>,
}

/// The threads that make sessions, which are waited for: ONNX Runtime crashes where the process ends meanwhile.
#[derive(Default)]
struct Makers(Vec<std::thread::JoinHandle<()>>);

impl Drop for Makers {
    fn drop(&mut self) {
        self.0.drain(..).for_each(|maker| drop(maker.join()));
    }
}

#[derive(Default)]
struct Sessions {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    idle: Vec<Session>,
    /// How many there are or will be, in use or not.
    all: usize,
}

impl Sessions {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Waits for a session that no call is using.
    fn take(&self) -> Option<Session> {
        let mut state = self.state();
        loop {
            if let Some(session) = state.idle.pop() {
                return Some(session);
            }
            if state.all == 0 {
                return None;
            }
            state = self.changed.wait(state).unwrap_or_else(|poisoned| poisoned.into_inner());
        }
    }

    /// A session is there, or it could not be made.
    fn put(&self, session: Option<Session>) {
        let mut state = self.state();
        match session {
            Some(session) => state.idle.push(session),
            None => state.all -= 1,
        }
        self.changed.notify_one();
    }
}

/// Loads an ONNX file. The sessions beyond the first are made at the same time. With `keep` what the library makes of it may be
/// kept, for it was made ready in the cache and has run.
pub(super) fn load(path: &Path, ends: &Ends, use_: Use, device: Device, keep: bool) -> Result<Box<dyn Tower>, String> {
    let library = library().map_err(|problem| format!("{problem}; {}", how_to_install()))?;
    let mut plan = Plan { path: path.into(), packed: false, ends: ends.clone(), use_, device, library };
    if keep && device == Device::Cpu {
        plan.pack();
    }
    let plan = Arc::new(plan);
    let sessions = Arc::new(Sessions::default());
    let calls = match (use_, device) {
        (Use::Bulk { calls }, Device::Cpu) => calls.max(1),
        _ => 1,
    };
    sessions.state().all = calls;
    let mut makers = Makers::default();
    for _ in 1..calls {
        let (plan, sessions) = (plan.clone(), sessions.clone());
        // Where memory is short, there are fewer.
        makers.0.push(std::thread::spawn(move || sessions.put(plan.session().ok())));
    }
    let session = plan.session()?;
    for name in ends.inputs.iter().map(|(name, ..)| name) {
        if !session.inputs().iter().any(|input| input.name() == name) {
            return Err(format!("has no input named `{name}`"));
        }
    }
    if !session.outputs().iter().any(|output| output.name() == ends.output) {
        return Err(format!("has no output named `{}`", ends.output));
    }
    sessions.put(Some(session));
    Ok(Box::new(Ort { _makers: makers, plan, sessions }))
}

fn said(error: ort::Error<SessionBuilder>) -> String {
    error.to_string()
}

impl Plan {
    /// Takes the tower as the library packs it, where that is kept; for many inputs it is made first. It computes the same.
    fn pack(&mut self) {
        let engine = format!("onnxruntime {} {}", self.library.version, self.ends.keeps_borders);
        let Some(packed) = Packed::of(&self.path, &engine) else { return };
        let make = || {
            let save = |graph: &Path, weights: &str| self.save(graph, weights).map_err(io::Error::other);
            (self.use_ != Use::Once).then(|| packed.make(save).ok())?
        };
        if let Some(graph) = packed.graph().or_else(make) {
            (self.path, self.packed) = (graph, true);
        }
    }

    /// Writes what the library makes of the tower: the graph, and the weights to a file beside it.
    fn save(&self, graph: &Path, weights: &str) -> Result<(), String> {
        let kept = [
            ("session.optimized_model_external_initializers_file_name", weights),
            ("session.optimized_model_external_initializers_min_size_in_bytes", "1024"),
            ("session.save_external_prepacked_constant_initializers", "1"),
        ];
        self.build(&|builder| {
            let builder = builder.with_optimized_model_path(graph).map_err(said)?;
            kept.iter().try_fold(builder, |builder, (key, value)| builder.with_config_entry(key, value).map_err(said))
        })
        .map(drop)
    }

    fn session(&self) -> Result<Session, String> {
        self.build(&Ok)
    }

    /// Loads the tower, with what is set beside the plan.
    fn build(&self, set: &dyn Fn(SessionBuilder) -> Result<SessionBuilder, String>) -> Result<Session, String> {
        // What was packed is worked out already.
        let level = if self.packed { GraphOptimizationLevel::Disable } else { GraphOptimizationLevel::All };
        let build = || -> Result<Session, String> {
            let mut builder = Session::builder(&self.library.environment)
                .map_err(|e| e.to_string())?
                .with_optimization_level(level)
                .map_err(said)?
                .with_intra_op_spinning(false)
                .map_err(said)?;
            if self.use_ != Use::Once && self.device == Device::Cpu {
                builder = builder.with_intra_threads(1).map_err(said)?;
            }
            // Signed 8-bit weights saturate on processors without VNNI; with this they are computed exactly there, too. Where
            // there is VNNI it would only make the weights unsigned, for which the library's products take twice as long.
            if !matrix::bytes_are_exact() {
                builder = builder.with_config_entry("session.x64quantprecision", "1").map_err(said)?;
            }
            if self.ends.keeps_borders {
                let key = "optimization.disable_specified_optimizers";
                builder = builder.with_config_entry(key, "Pad_Fusion").map_err(said)?;
            }
            if self.device == Device::Cuda {
                let cuda = ep::CUDA::default().build().error_on_failure();
                builder = builder.with_execution_providers([cuda]).map_err(|e| {
                    format!(
                        "no CUDA in {}: {e}; the GPU build is the package onnxruntime-gpu",
                        self.library.path.display()
                    )
                })?;
            }
            set(builder)?.commit_from_file(&self.path).map_err(|e| e.to_string())
        };
        guard::catch(build).unwrap_or_else(|| Err("the engine gave up on it".into()))
    }

    fn inputs(&self, batch: Batch) -> Result<Vec<(&str, SessionInputValue<'static>)>, ort::Error> {
        let mut inputs = Vec::new();
        match batch {
            Batch::Pixels { data, shape } => {
                for (name, _, kind) in &self.ends.inputs {
                    let value = match kind {
                        Kind::Float16 => {
                            let data: Vec<f16> = data.iter().map(|x| f16::from_f32(*x)).collect();
                            Tensor::from_array((shape, data))?.into()
                        }
                        Kind::UInt8 => Tensor::from_array((shape, bytes_of(&data)))?.into(),
                        _ => Tensor::from_array((shape, data.clone()))?.into(),
                    };
                    inputs.push((name.as_str(), value));
                }
            }
            Batch::Tokens { ids, mask, shape } => {
                for (name, role, kind) in &self.ends.inputs {
                    let data = match role {
                        Role::Ids | Role::Pixels => ids.clone(),
                        Role::Mask => mask.clone(),
                        Role::Types => vec![0; ids.len()],
                    };
                    let value = match kind {
                        Kind::Int32 => Tensor::from_array((shape, data))?.into(),
                        _ => Tensor::from_array((shape, data.into_iter().map(i64::from).collect::<Vec<_>>()))?.into(),
                    };
                    inputs.push((name.as_str(), value));
                }
            }
        }
        Ok(inputs)
    }

    fn run_by(&self, session: &mut Session, batch: Batch) -> Result<Output, String> {
        let inputs = self.inputs(batch).map_err(|e| e.to_string())?;
        let outputs = session.run(inputs).map_err(|e| e.to_string())?;
        let output = outputs.get(&self.ends.output).ok_or("gave no output")?;
        let ValueType::Tensor { ty, shape, .. } = output.dtype() else {
            return Err("gave something else than a tensor".into());
        };
        let shape: Vec<usize> = shape.iter().map(|&n| usize::try_from(n).unwrap_or(0)).collect();
        let data = match ty {
            TensorElementType::Float16 => {
                let (_, data) = output.try_extract_tensor::<f16>().map_err(|e| e.to_string())?;
                data.iter().map(|x| x.to_f32()).collect()
            }
            _ => output.try_extract_tensor::<f32>().map_err(|e| e.to_string())?.1.to_vec(),
        };
        Ok(Output { shape, data })
    }
}

impl Tower for Ort {
    fn run(&self, batch: Batch) -> Result<Output, String> {
        let mut session = self.sessions.take().ok_or("no session could be made")?;
        let result = guard::catch(|| self.plan.run_by(&mut session, batch)).ok_or("the engine gave up on it");
        self.sessions.put(Some(session));
        result?
    }

    fn engine(&self) -> String {
        format!("onnxruntime {}", self.plan.library.version)
    }
}

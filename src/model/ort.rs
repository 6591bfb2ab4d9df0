//! ONNX Runtime: found on the machine, loaded when it is first asked for. Only home of `ort`.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};

use half::f16;
use ort::environment::Environment;
use ort::ep;
use ort::session::builder::{GraphOptimizationLevel, SessionBuilder};
use ort::session::{Session, SessionInputValue};
use ort::value::{Tensor, TensorElementType, ValueType};

use super::engine::{Batch, Device, Ends, Role, Tower, Use, rows};
use super::onnx::Kind;
use crate::guard;

/// The shared library, loaded.
pub struct Library {
    environment: Environment,
    pub path: PathBuf,
    pub version: String,
}

/// How a user gets the library, in one command.
pub fn how_to_install() -> String {
    let folder = own_folder().map_or_else(|| "~/.local/share/pokedex/lib".into(), |f| f.display().to_string());
    format!("pip install --no-deps --target {folder} onnxruntime, or ORT_DYLIB_PATH=FILE")
}

/// ONNX Runtime, loaded once for the process.
///
/// # Errors
/// There is none, or it is too old or damaged: what was looked for, for a message.
pub fn library() -> Result<&'static Library, &'static str> {
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

/// Where `pip install --target` is told to put it.
fn own_folder() -> Option<PathBuf> {
    dirs::data_dir().map(|folder| folder.join("pokedex/lib"))
}

fn folders() -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = own_folder().into_iter().collect();
    folders.extend(own_folder().map(|folder| folder.join("onnxruntime/capi")));
    let mut pythons: Vec<PathBuf> = Vec::new();
    for variable in ["VIRTUAL_ENV", "CONDA_PREFIX"] {
        pythons.extend(std::env::var_os(variable).map(PathBuf::from));
    }
    pythons.extend(dirs::home_dir().map(|home| home.join(".local")));
    folders.extend(pythons.iter().map(|prefix| prefix.join("lib")));
    let system = ["/usr/local", "/usr", "/opt/homebrew", "/opt/onnxruntime"].map(PathBuf::from);
    for prefix in &system {
        folders.push(prefix.join("lib"));
        folders.push(prefix.join("lib64"));
        folders.push(prefix.join(format!("lib/{}-linux-gnu", std::env::consts::ARCH)));
    }
    pythons.extend(system);
    for prefix in &pythons {
        for python in entries(&prefix.join("lib")).filter(|path| file_name(path).starts_with("python3")) {
            folders.extend(["site-packages", "dist-packages"].map(|d| python.join(d).join("onnxruntime/capi")));
        }
    }
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

fn entries(folder: &Path) -> impl Iterator<Item = PathBuf> {
    std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path())
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

struct Ort {
    path: PathBuf,
    ends: Ends,
    use_: Use,
    device: Device,
    library: &'static Library,
    /// Sessions that no call is using; as many exist as calls have ever run at once. One session with several threads
    /// is slower than several with one, and `ort` does not let two calls share a session.
    idle: Mutex<Vec<Session>>,
}

/// Loads an ONNX file.
pub fn load(path: &Path, ends: &Ends, use_: Use, device: Device) -> Result<Box<dyn Tower>, String> {
    let library = library().map_err(|problem| format!("{problem}; {}", how_to_install()))?;
    let tower = Ort { path: path.into(), ends: ends.clone(), use_, device, library, idle: Mutex::default() };
    let session = tower.session()?;
    for name in tower.ends.inputs.iter().map(|(name, ..)| name) {
        if !session.inputs().iter().any(|input| input.name() == name) {
            return Err(format!("has no input named `{name}`"));
        }
    }
    if !session.outputs().iter().any(|output| output.name() == tower.ends.output) {
        return Err(format!("has no output named `{}`", tower.ends.output));
    }
    tower.put_back(session);
    Ok(Box::new(tower))
}

impl Ort {
    fn session(&self) -> Result<Session, String> {
        let build = || -> Result<Session, String> {
            let say = |e: ort::Error<SessionBuilder>| e.to_string();
            let mut builder = Session::builder(&self.library.environment)
                .map_err(|e| e.to_string())?
                .with_optimization_level(GraphOptimizationLevel::All)
                .map_err(say)?
                .with_intra_op_spinning(false)
                .map_err(say)?;
            if self.use_ == Use::Bulk && self.device == Device::Cpu {
                builder = builder.with_intra_threads(1).map_err(say)?;
            }
            if self.device == Device::Cuda {
                let cuda = ep::CUDA::default().build().error_on_failure();
                builder = builder.with_execution_providers([cuda]).map_err(|e| {
                    format!("no CUDA in {}: {e}; the GPU build is the package onnxruntime-gpu", self.library.path.display())
                })?;
            }
            builder.commit_from_file(&self.path).map_err(|e| e.to_string())
        };
        guard::catch(build).unwrap_or_else(|| Err("the engine gave up on it".into()))
    }

    fn put_back(&self, session: Session) {
        self.idle.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).push(session);
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

    fn run_by(&self, session: &mut Session, batch: Batch) -> Result<Vec<f32>, String> {
        let inputs = self.inputs(batch).map_err(|e| e.to_string())?;
        let outputs = session.run(inputs).map_err(|e| e.to_string())?;
        let output = outputs.get(&self.ends.output).ok_or("gave no output")?;
        let ValueType::Tensor { ty, shape, .. } = output.dtype() else {
            return Err("gave something else than a tensor".into());
        };
        let shape: Vec<usize> = shape.iter().map(|&n| usize::try_from(n).unwrap_or(0)).collect();
        let numbers = match ty {
            TensorElementType::Float16 => {
                let (_, data) = output.try_extract_tensor::<f16>().map_err(|e| e.to_string())?;
                data.iter().map(|x| x.to_f32()).collect()
            }
            _ => output.try_extract_tensor::<f32>().map_err(|e| e.to_string())?.1.to_vec(),
        };
        rows(&shape, numbers)
    }
}

impl Tower for Ort {
    fn run(&self, batch: Batch) -> Result<Vec<f32>, String> {
        let idle = self.idle.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).pop();
        let mut session = match idle {
            Some(session) => session,
            None => self.session()?,
        };
        let result = guard::catch(|| self.run_by(&mut session, batch)).ok_or("the engine gave up on it")?;
        self.put_back(session);
        result
    }

    fn engine(&self) -> String {
        format!("onnxruntime {}", self.library.version)
    }
}

//! The pure Rust engine: weights stay where they are, in the binary or in a mapped file. Only home of `rten`.

use std::path::Path;
use std::sync::Arc;

use rten::{Model, ModelOptions, NodeId, RunOptions, ThreadPool, Value, ValueOrView};
use rten_tensor::{Layout, NdTensor, Tensor};

use super::engine::{Batch, Ends, Lent, Output, Role, Tower, Use, bytes_of};
use super::onnx::Kind;
use crate::guard;

struct Rten {
    model: Model,
    inputs: Vec<(NodeId, Role)>,
    /// Are pixels whole numbers?
    takes_bytes: bool,
    output: NodeId,
    threads: Threads,
}

/// Who computes a call.
enum Threads {
    /// All processors.
    All,
    /// Pools of one thread. rten runs a call on a pool; one pool for all would make concurrent calls wait for each other.
    One(Lent<Arc<ThreadPool>>),
}

/// Loads a tower whose weights are viewed in place; `bytes` must be aligned to 64.
#[cfg(test)]
pub(super) fn load_static(bytes: &'static [u8], ends: &Ends) -> Result<Box<dyn Tower>, String> {
    let model = ModelOptions::with_all_ops().load_static_slice(bytes);
    tower(model.map_err(|e| e.to_string())?, ends, Use::Bulk { calls: 1 })
}

/// Loads a tower from a file, `.rten` or `.onnx`, which is mapped.
pub(super) fn load_file(path: &Path, ends: &Ends, use_: Use) -> Result<Box<dyn Tower>, String> {
    let load = || {
        #[expect(
            unsafe_code,
            reason = "a model file that another process cuts short while it is mapped kills this one; \
            models are installed by rename and never changed in place"
        )]
        // SAFETY: the file is not modified while it is mapped, see above.
        unsafe {
            ModelOptions::with_all_ops().load_mmap(path)
        }
    };
    let model = guard::catch(load).ok_or("it is damaged")?;
    tower(model.map_err(|e| e.to_string())?, ends, use_)
}

fn tower(model: Model, ends: &Ends, use_: Use) -> Result<Box<dyn Tower>, String> {
    let node = |name: &str| model.node_id(name).map_err(|_| format!("has no input or output named `{name}`"));
    let inputs = ends.inputs.iter().map(|(name, role, _)| Ok((node(name)?, *role))).collect::<Result<_, String>>()?;
    let output = node(&ends.output)?;
    let threads = match use_ {
        Use::Once => Threads::All,
        Use::Bulk { .. } => Threads::One(Lent::default()),
    };
    let takes_bytes = ends.inputs.iter().any(|(.., kind)| *kind == Kind::UInt8);
    Ok(Box::new(Rten { model, inputs, takes_bytes, output, threads }))
}

/// The numbers of a constant.
#[cfg(test)]
pub(super) enum Numbers {
    Float32(Vec<f32>),
    Int8(Vec<i8>),
}

/// The constants of these names in a graph, as they are stored; `bytes` must be aligned to 64.
#[cfg(test)]
pub(super) fn constants(bytes: &'static [u8], names: &[&str]) -> Result<Vec<Numbers>, String> {
    let mut options = ModelOptions::with_all_ops();
    // What is joined or worked out beforehand has other names.
    options.enable_optimization(false);
    let model = options.load_static_slice(bytes).map_err(|e| e.to_string())?;
    let node = |name: &&str| model.node_id(name).map_err(|_| format!("has no constant named `{name}`"));
    let nodes = names.iter().map(node).collect::<Result<Vec<_>, _>>()?;
    let run = || model.run(Vec::new(), &nodes, None);
    let values = guard::catch(run).ok_or("the engine gave up on it")?.map_err(|e| e.to_string())?;
    let numbers = values.into_iter().map(|value| match value {
        Value::FloatTensor(numbers) => Ok(Numbers::Float32(numbers.into_data())),
        Value::Int8Tensor(numbers) => Ok(Numbers::Int8(numbers.into_data())),
        _ => Err("has a constant that is neither float32 nor int8".to_string()),
    });
    numbers.collect()
}

impl Rten {
    fn run_on(&self, batch: Batch, pool: Option<Arc<ThreadPool>>) -> Result<Output, String> {
        let inputs: Vec<(NodeId, ValueOrView)> = match batch {
            Batch::Pixels { data, shape } => {
                let pixels: Value = match self.takes_bytes {
                    true => NdTensor::<u8, 4>::from_data(shape, bytes_of(&data)).into(),
                    false => NdTensor::<f32, 4>::from_data(shape, data).into(),
                };
                self.inputs.iter().map(|(node, _)| (*node, pixels.clone().into())).collect()
            }
            Batch::Tokens { ids, mask, shape } => {
                let tensor = |role: Role| match role {
                    Role::Ids | Role::Pixels => NdTensor::<i32, 2>::from_data(shape, ids.clone()),
                    Role::Mask => NdTensor::from_data(shape, mask.clone()),
                    Role::Types => NdTensor::zeros(shape),
                };
                self.inputs.iter().map(|(node, role)| (*node, Value::from(tensor(*role)).into())).collect()
            }
        };
        let options = RunOptions::default().with_thread_pool(pool);
        let run = || self.model.run_n(inputs, [self.output], Some(options));
        let [output] = guard::catch(run).ok_or("the engine gave up on it")?.map_err(|e| e.to_string())?;
        let output: Tensor<f32> = output.try_into().map_err(|_| "gave something else than float32".to_string())?;
        Ok(Output { shape: output.shape().to_vec(), data: output.into_data() })
    }
}

impl Tower for Rten {
    fn run(&self, batch: Batch) -> Result<Output, String> {
        let Threads::One(pools) = &self.threads else {
            return self.run_on(batch, None);
        };
        pools.to(|pool| self.run_on(batch, Some(pool.clone())), || Ok(Arc::new(ThreadPool::with_num_threads(1))))?
    }

    fn engine(&self) -> String {
        "rten".into()
    }
}

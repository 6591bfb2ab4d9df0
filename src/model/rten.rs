//! The pure Rust engine: weights stay where they are, in the binary or in a mapped file. Only home of `rten`.

use std::path::Path;
use std::sync::{Arc, Mutex};

use rten::{Model, ModelOptions, NodeId, RunOptions, ThreadPool, Value};
use rten_tensor::{NdTensor, Tensor};

use super::engine::{Batch, Tower};

struct Rten {
    model: Model,
    input: NodeId,
    output: NodeId,
    /// Pools of one thread, as many as calls have ever run at once. rten runs a call on a pool; one pool for all
    /// would make concurrent calls wait for each other.
    pools: Mutex<Vec<Arc<ThreadPool>>>,
}

/// Loads a tower whose weights are viewed in place; `bytes` must be aligned to 64.
pub fn load_static(bytes: &'static [u8], input: &str, output: &str) -> Result<Box<dyn Tower>, String> {
    tower(ModelOptions::with_all_ops().load_static_slice(bytes).map_err(|e| e.to_string())?, input, output)
}

/// Loads a tower from a file, which is mapped.
pub fn load_file(path: &Path, input: &str, output: &str) -> Result<Box<dyn Tower>, String> {
    #[expect(
        unsafe_code,
        reason = "a model file that another process cuts short while it is mapped kills this one; \
        models are installed by rename and never changed in place"
    )]
    // SAFETY: the file is not modified while it is mapped, see above.
    let model = unsafe { ModelOptions::with_all_ops().load_mmap(path) };
    tower(model.map_err(|e| e.to_string())?, input, output)
}

fn tower(model: Model, input: &str, output: &str) -> Result<Box<dyn Tower>, String> {
    let node = |name: &str| model.node_id(name).map_err(|_| format!("has no input or output named `{name}`"));
    let (input, output) = (node(input)?, node(output)?);
    Ok(Box::new(Rten { model, input, output, pools: Mutex::default() }))
}

impl Tower for Rten {
    fn run(&self, batch: Batch) -> Result<Vec<f32>, String> {
        let input: Value = match batch {
            Batch::Pixels { data, shape } => NdTensor::<f32, 4>::from_data(shape, data).into(),
            Batch::Tokens { data, shape } => NdTensor::<i32, 2>::from_data(shape, data).into(),
        };
        let idle = self.pools.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).pop();
        let pool = idle.unwrap_or_else(|| Arc::new(ThreadPool::with_num_threads(1)));
        let options = RunOptions::default().with_thread_pool(Some(pool.clone()));
        let result = self.model.run_n([(self.input, input.into())].into(), [self.output], Some(options));
        self.pools.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).push(pool);
        let [output] = result.map_err(|e| e.to_string())?;
        let output: Tensor<f32> = output.try_into().map_err(|_| "gave something else than float32".to_string())?;
        Ok(output.into_data())
    }
}

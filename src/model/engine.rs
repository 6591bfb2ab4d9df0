//! The one trait behind which inference engines stand.

/// One call's input.
pub enum Batch {
    /// `[batch, 3, height, width]`, normalised.
    Pixels { data: Vec<f32>, shape: [usize; 4] },
    /// `[batch, tokens]`, padded with 0.
    Tokens { data: Vec<i32>, shape: [usize; 2] },
}

/// A loaded network with one input and one output.
///
/// Single-threaded: callers run several at once, which on every machine measured is faster than one call on several
/// threads, and makes a row's vector independent of the number of threads.
pub trait Tower: Send + Sync {
    /// Runs a batch and gives its output row by row.
    ///
    /// # Errors
    /// What the engine says, for a message.
    fn run(&self, batch: Batch) -> Result<Vec<f32>, String>;
}

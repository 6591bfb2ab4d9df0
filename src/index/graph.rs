//! stub
use super::{Chunked, Codes};
use arrow_buffer::BooleanBuffer;
use std::io::Write;
use std::path::Path;
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("no graph")]
    None,
}
impl Error {
    pub fn hint(&self) -> Option<String> {
        None
    }
}
#[derive(Debug)]
pub struct Graph;
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Options {
    pub degree: usize,
    pub beam: usize,
    pub alpha: f32,
    pub entries: usize,
}
impl Graph {
    pub fn open(_: &Path, _: &str) -> Result<Graph, Error> {
        Err(Error::None)
    }
    pub fn len(&self) -> usize {
        0
    }
    pub fn build(_: &Codes, _: Options, _: impl FnMut(usize)) -> Graph {
        Graph
    }
    pub fn write(&self, _: &mut impl Write, _: &str) -> Result<(), Error> {
        Ok(())
    }
    pub fn search(
        &self,
        _: &Codes,
        _: &Chunked<f32>,
        _: &[f32],
        _: usize,
        _: usize,
        _: Option<&BooleanBuffer>,
    ) -> Result<Vec<(u32, f32)>, Error> {
        Err(Error::None)
    }
}

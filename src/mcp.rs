//! `mcp`: an index for agents, by the Model Context Protocol over standard input and output.
//!
//! Hides: both forms of the protocol, that of 2026-07-28, in which every request says its version, and the older ones that
//! begin with `initialize`. Promises: it only reads, and only below the folders that were given; answers are small and go on by
//! a cursor; whatever a line holds is answered, and ends nothing.

mod arguments;
mod protocol;
mod roots;
mod tools;

use std::collections::VecDeque;
use std::io::{BufRead, Read, Write};
use std::path::PathBuf;
use std::sync::mpsc;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;

use crate::failure::Failure;
use crate::gallery::{self, Gallery};
use crate::progress::Progress;
use protocol::{Protocol, Request};
use roots::Roots;
use tools::Tools;

/// What agents are served.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The index, and where its pictures are.
    pub gallery: gallery::Options,
    /// Folders below which files may be named, beside those of the pictures.
    pub roots: Vec<PathBuf>,
}

/// Bytes of a line: a picture in base64, and what is around it.
const MOST: u64 = 96 << 20;

/// Answers line by line until the input ends.
///
/// # Errors
/// The index cannot be opened, a folder is not there, or the output cannot be written.
pub fn serve(
    options: Options,
    input: impl BufRead + Send + 'static,
    mut output: impl Write,
    progress: &dyn Progress,
) -> Result<(), Failure> {
    let folders: Vec<PathBuf> = options.gallery.images.iter().chain(&options.roots).cloned().collect();
    let roots = Roots::open(&folders)?;
    let tools = Tools { gallery: Gallery::open(options.gallery, progress)?, roots };
    let mut protocol = Protocol::default();
    let (lines, cancelled) = read(input);
    for line in lines {
        let answer = match line {
            Line::Read(text) => protocol.answer(&text, &tools, &cancelled),
            Line::TooLong => Some(protocol::too_long(MOST)),
        };
        let Some(answer) = answer else { continue };
        let written = serde_json::to_writer(&mut output, &answer).map_err(std::io::Error::from);
        if let Err(e) = written.and_then(|()| output.write_all(b"\n")).and_then(|()| output.flush()) {
            // Whoever asked has gone.
            return match e.kind() {
                std::io::ErrorKind::BrokenPipe => Ok(()),
                _ => Err(Failure::failed(format!("standard output: {e}"), None)),
            };
        }
    }
    Ok(())
}

enum Line {
    Read(Vec<u8>),
    TooLong,
}

/// Requests that are wanted no longer, by their ids: the last ones, since most were answered before that was said.
#[derive(Debug, Clone, Default)]
struct Cancelled(Arc<Mutex<VecDeque<String>>>);

/// So many are remembered.
const MOST_CANCELLED: usize = 256;

impl Cancelled {
    fn add(&self, id: &Value) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() == MOST_CANCELLED {
            all.pop_front();
        }
        all.push_back(id.to_string());
    }

    fn has(&self, id: &Value) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(&id.to_string())
    }

    fn forget(&self, id: &Value) {
        let id = id.to_string();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|known| *known != id);
    }
}

/// Reads lines on a thread of its own, so that it is noticed while one is answered that the answer is wanted no longer.
fn read(mut input: impl BufRead + Send + 'static) -> (mpsc::Receiver<Line>, Cancelled) {
    let (send, lines) = mpsc::sync_channel(16);
    let cancelled = Cancelled::default();
    let told = cancelled.clone();
    std::thread::spawn(move || {
        loop {
            let mut line = Vec::new();
            let line = match input.by_ref().take(MOST).read_until(b'\n', &mut line) {
                Ok(0) | Err(_) => return,
                Ok(_) if line.last() == Some(&b'\n') || (line.len() as u64) < MOST => Line::Read(line),
                Ok(_) => match pass_over(&mut input) {
                    true => Line::TooLong,
                    false => return,
                },
            };
            if let Line::Read(text) = &line
                && let Some(id) = Request::cancels(text)
            {
                told.add(&id);
            }
            if send.send(line).is_err() {
                return;
            }
        }
    });
    (lines, cancelled)
}

/// Reads on to the end of a line; whether there is one.
fn pass_over(input: &mut impl BufRead) -> bool {
    let mut rest = Vec::new();
    loop {
        rest.clear();
        match input.by_ref().take(1 << 20).read_until(b'\n', &mut rest) {
            Ok(0) | Err(_) => return false,
            Ok(_) if rest.last() == Some(&b'\n') => return true,
            Ok(_) => {}
        }
    }
}

#[cfg(test)]
mod tests;

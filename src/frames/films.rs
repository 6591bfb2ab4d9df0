//! Several films at once, their stills in order.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::JoinHandle;

use arrow_array::RecordBatch;

use super::clip::{Clip, Fault, Still};
use super::out::{Out, Sent, Source, Unwanted};
use super::pick::{HALF, Moment, Pick};
use super::probe::{Film, probe};
use super::tools::Tools;
use super::{Options, pages};
use crate::failure::Failure;
use crate::io;
use crate::stage::slices;
use crate::table::{self, Images, Table, column};

/// How far before a wanted time a frame is looked for: first near it, then further away; `None` is the beginning. Frames that far
/// apart are few.
const WINDOWS: [Option<f64>; 4] = [Some(0.5), Some(5.0), Some(60.0), None];

/// The stills of a table's films.
pub(super) struct Films {
    rows: Box<dyn Iterator<Item = Result<RecordBatch, table::Error>>>,
    tools: Arc<Wanted>,
    options: Options,
    at_once: usize,
    under_way: VecDeque<UnderWay>,
}

/// A film that is being read on a thread of its own.
struct UnderWay {
    /// Dropped first: who waits to send is set free.
    stills: Option<Receiver<Sent>>,
    stop: Stop,
    thread: Option<JoinHandle<()>>,
}

/// Whether it is given up, and the program that reads it.
#[derive(Clone, Default)]
struct Stop(Arc<Mutex<(bool, Option<u32>)>>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.stills = None;
        {
            let mut state = self.stop.0.lock().unwrap_or_else(PoisonError::into_inner);
            state.0 = true;
            if let Some(program) = state.1 {
                io::end(program);
            }
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Films {
    pub(super) fn new(table: Table, options: Options, at_once: usize) -> Films {
        let tools = Arc::default();
        Films { rows: Box::new(slices(table, 1)), tools, options, at_once, under_way: VecDeque::new() }
    }

    fn start(&self, row: RecordBatch) -> UnderWay {
        let (sender, stills) = sync_channel(1);
        let stop = Stop::default();
        let (tools, options, own) = (self.tools.clone(), self.options.clone(), stop.clone());
        let thread = std::thread::spawn(move || {
            let reading = Reading { tools: &tools, options: &options, stop: &own, sender: &sender };
            if let Err(failure) = reading.read(row) {
                let _ = sender.send(Err(failure));
            }
        });
        UnderWay { stills: Some(stills), stop, thread: Some(thread) }
    }
}

impl Iterator for Films {
    type Item = Sent;

    fn next(&mut self) -> Option<Sent> {
        loop {
            while self.under_way.len() < self.at_once {
                match self.rows.next() {
                    Some(Ok(row)) => {
                        let film = self.start(row);
                        self.under_way.push_back(film);
                    }
                    Some(Err(e)) => return Some(Err(e.into())),
                    None => break,
                }
            }
            let first = self.under_way.front()?;
            match first.stills.as_ref().and_then(|stills| stills.recv().ok()) {
                Some(item) => return Some(item),
                None => drop(self.under_way.pop_front()),
            }
        }
    }
}

/// The programs that read films, which are looked for when the first film is met.
type Wanted = OnceLock<Tools>;

/// The reading of one film.
struct Reading<'r> {
    tools: &'r Wanted,
    options: &'r Options,
    stop: &'r Stop,
    sender: &'r SyncSender<Sent>,
}

impl Reading<'_> {
    fn read(&self, row: RecordBatch) -> Result<(), Failure> {
        let images = Images::of(&row)?;
        let paths = column::text(&row, column::PATH)?;
        let path = column::cell(paths.as_ref(), 0).map(str::to_string);
        let (key, passed) = (images.key(0).to_string(), images.error(0).is_some());
        let mut source = Source { key, path: path.clone(), duration: None, row };
        let out = |source| Out::new(source, self.options, self.sender);
        // That nobody wants any more ends a film, and is no failure.
        let _ = match path.as_deref() {
            _ if passed => out(source).passed(),
            None => out(source).problem("the row has no path".into()),
            Some(path) if pages::has_pages(path) => match images.read(0) {
                Err(problem) => out(source).problem(problem),
                Ok(bytes) => pages::all(&mut out(source), self.options, &bytes),
            },
            Some(path) if io::is_address(Path::new(path)) => {
                out(source).problem("films in buckets and on the web are not read; copy it here first".into())
            }
            Some(path) => {
                let file = io::table_path(path);
                let tools = self.tools()?;
                match openable(&file).and_then(|()| probe(tools, &file)) {
                    Err(problem) => out(source).problem(problem),
                    Ok(film) => {
                        source.duration = film.duration;
                        Stills { out: out(source), reading: self }.of(&file, film)
                    }
                }
            }
        };
        Ok(())
    }

    /// ffmpeg and ffprobe.
    fn tools(&self) -> Result<&Tools, Failure> {
        if let Some(tools) = self.tools.get() {
            return Ok(tools);
        }
        let found = Tools::find()?;
        Ok(self.tools.get_or_init(|| found))
    }

    /// Starts ffmpeg, unless nobody wants the film any more.
    fn start(&self, film: &Path, condition: &str, from: Option<f64>) -> Result<Clip, String> {
        let mut state = self.stop.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.0 {
            return Err("given up".into());
        }
        let tools = self.tools.get().ok_or("ffmpeg was not looked for")?;
        let clip = Clip::start(tools, film, condition, from, self.options.size)?;
        state.1 = Some(clip.id());
        Ok(clip)
    }
}

/// Whether a file can be read at all, so that it is said as of any other file.
fn openable(file: &PathBuf) -> Result<(), String> {
    let cannot = |e: std::io::Error| format!("cannot read {}: {e}", file.display());
    if !std::fs::metadata(file).map_err(cannot)?.is_file() {
        return Err("not a regular file".into());
    }
    std::fs::File::open(file).map(drop).map_err(cannot)
}

/// The stills of one film.
struct Stills<'r> {
    out: Out<'r>,
    reading: &'r Reading<'r>,
}

impl Stills<'_> {
    fn still(&mut self, still: Still) -> Result<(), Unwanted> {
        let key = self.out.key_at(still.time);
        self.out.picture(still.picture, Some(still.time), still.number, key)
    }

    fn of(&mut self, file: &Path, film: Film) -> Result<(), Unwanted> {
        match &self.reading.options.pick {
            Pick::At(moments) => self.at(file, film, moments),
            pick => self.all(file, &pick.condition()),
        }
    }

    /// All stills for which the condition holds, in one run.
    fn all(&mut self, file: &Path, condition: &str) -> Result<(), Unwanted> {
        let mut clip = match self.reading.start(file, condition, None) {
            Ok(clip) => clip,
            Err(problem) => return self.out.problem(problem),
        };
        let mut last = None;
        loop {
            match clip.next() {
                Ok(Some(still)) => {
                    last = Some(still.time);
                    self.still(still)?;
                }
                Ok(None) => break,
                Err(problem) => return self.out.problem(problem),
            }
        }
        match (clip.end(file), last) {
            (Some(Fault::Cut(problem)), _) => self.out.problem(problem),
            (Some(Fault::Damaged(problem)), Some(_)) => self.out.damaged(problem),
            (Some(Fault::Damaged(problem)), None) => self.out.problem(problem),
            (None, None) => self.out.problem("ffmpeg finds no frame in it".into()),
            (None, Some(_)) => Ok(()),
        }
    }

    /// The frames that are shown at some times, each by a run that begins near it.
    fn at(&mut self, file: &Path, film: Film, moments: &[Moment]) -> Result<(), Unwanted> {
        let mut times = Vec::new();
        for moment in moments {
            match (moment, film.duration) {
                (Moment::Seconds(seconds), _) => times.push(*seconds),
                (Moment::Share(share), Some(duration)) => {
                    // The film is over at its end: the last frame is meant.
                    times.push(film.start + (share * duration).min(duration - LAST).max(0.0));
                }
                (Moment::Share(_), None) => return self.out.problem("does not say how long it is".into()),
            }
        }
        times.sort_by(f64::total_cmp);
        let mut last = None;
        for time in times {
            match self.shown_at(file, film, time) {
                Ok(still) if last == Some(still.time) => {}
                Ok(still) => {
                    last = Some(still.time);
                    self.still(still)?;
                }
                Err(problem) => {
                    let key = self.out.key_at(time);
                    self.out.problem_of(key, problem)?;
                }
            }
        }
        Ok(())
    }

    /// The last frame whose time is not after `time`; before the first one, the first.
    fn shown_at(&self, file: &Path, film: Film, time: f64) -> Result<Still, String> {
        let mut why = None;
        for window in WINDOWS {
            let from = window.map(|window| time - window).filter(|from| *from > film.start);
            let condition = from.map_or("1".into(), |from| format!("gte(t,{from:.6})"));
            let mut clip = self.reading.start(file, &condition, from)?;
            let (mut shown, mut after) = (None, None);
            while let Some(still) = clip.next()? {
                if still.time > time + HALF {
                    after = Some(still);
                    break;
                }
                shown = Some(still);
            }
            // What follows nobody asked for; ffmpeg is ended with it.
            let is_over = after.is_none();
            match (shown, from) {
                // At its end a film may be cut short before that time.
                (Some(still), _) if !is_over => return Ok(still),
                (Some(still), _) => match clip.end(file) {
                    Some(Fault::Cut(problem)) => return Err(problem),
                    // How long a film says that it is may be less than its frames last.
                    _ => match film.end().filter(|end| time >= *end && time > still.time + HALF) {
                        Some(end) => return Err(format!("the film ends at {:.3} s", end.max(still.time))),
                        None => return Ok(still),
                    },
                },
                (None, None) => {
                    if is_over && let Some(Fault::Cut(problem) | Fault::Damaged(problem)) = clip.end(file) {
                        why = Some(problem);
                    }
                    return after.ok_or_else(|| why.unwrap_or_else(|| "ffmpeg finds no frame in it".into()));
                }
                (None, Some(_)) => {}
            }
        }
        Err(why.unwrap_or_else(|| "ffmpeg finds no frame there".into()))
    }
}

/// The end of a film is this long before it, in seconds: the last frame is shown.
const LAST: f64 = 0.000_1;

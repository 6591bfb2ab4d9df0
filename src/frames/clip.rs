//! One run of ffmpeg over a film: stills with their times, as they come.
//!
//! Frames come through a pipe as PPM, which says how large each is, so that one whose size differs from the last is read like any
//! other. Their times do not fit into it: the filter that picks a frame prints its number and its time on standard error, in the
//! order of the frames, with six digits after the point whatever the film's time base. Filters see the film's own clock
//! (`-copyts`), and ffmpeg neither doubles nor drops what they let through.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::ChildStdout;
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;

use super::tools::{Tools, address, confined, plain, unmarked};
use crate::image::Rgb;
use crate::io::Program;

/// So many lines of what ffmpeg says are kept.
const LINES: usize = 50;
/// More pixels than any film's frame has.
const MOST_PIXELS: u64 = 1 << 28;

/// A frame of a film.
#[derive(Debug)]
pub(super) struct Still {
    /// In seconds on the film's own clock.
    pub(super) time: f64,
    /// Its number in the order in which frames are shown, where that is known.
    pub(super) number: Option<i64>,
    pub(super) picture: Rgb,
}

/// How a film's reading ended, where it did not end well.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// There is no more, though there should be.
    Cut(String),
    /// It was read to its end; something in it is damaged.
    Damaged(String),
}

/// A run of ffmpeg.
pub(super) struct Clip {
    program: Program,
    pipe: BufReader<ChildStdout>,
    /// Numbers and times, in the order of the stills.
    marks: Receiver<(i64, f64)>,
    said: JoinHandle<Vec<String>>,
    /// Whether frames are counted from the first.
    counts: bool,
}

impl Clip {
    /// Starts ffmpeg: frames for which `condition` holds, from somewhere before `from` seconds on, if that is not the film's
    /// beginning.
    ///
    /// # Errors
    /// It cannot be started.
    pub(super) fn start(
        tools: &Tools,
        film: &Path,
        condition: &str,
        from: Option<f64>,
        size: Option<u32>,
    ) -> Result<Clip, String> {
        let mut command = tools.ffmpeg();
        command.arg("-copyts");
        if let Some(from) = from {
            // Where it goes to is only near; what comes before the wanted frame is left out by the condition.
            command.args(["-noaccurate_seek", "-seek_timestamp", "1", "-ss", &format!("{from:.6}")]);
        }
        command.args(confined()).arg("-i").arg(address(film));
        command.args(["-map", "0:V:0", "-an", "-sn", "-dn", "-vf", &filters(condition, size)]);
        command.args(tools.as_it_is).args(["-c:v", "ppm", "-f", "image2pipe", "pipe:1"]);
        let mut program = Program::start(&mut command).map_err(|e| format!("ffmpeg cannot be run: {e}"))?;
        let (output, errors) = program.output().expect("both are piped, and were not taken");
        let (sender, marks) = channel();
        let said = std::thread::spawn(move || {
            let (mut said, mut number) = (Vec::new(), None);
            for line in BufReader::new(errors).split(b'\n').map_while(Result::ok) {
                let line = String::from_utf8_lossy(&line);
                let line = unmarked(&line);
                match (printed(line), number.take()) {
                    (Some(time), Some(frame)) => {
                        let _ = sender.send((frame as i64, time));
                    }
                    (Some(frame), None) => number = Some(frame),
                    (None, waiting) => {
                        number = waiting;
                        if said.len() == LINES {
                            said.remove(0);
                        }
                        said.push(line.to_string());
                    }
                }
            }
            said
        });
        let pipe = BufReader::with_capacity(1 << 16, output);
        Ok(Clip { program, pipe, marks, said, counts: from.is_none() })
    }

    /// By what others end it.
    pub(super) fn id(&self) -> u32 {
        self.program.id()
    }

    /// The next still; `None` at the end.
    ///
    /// # Errors
    /// What comes is not what was asked for.
    pub(super) fn next(&mut self) -> Result<Option<Still>, String> {
        let Some((width, height)) = self.header()? else { return Ok(None) };
        let mut pixels = vec![0; width as usize * height as usize * 3];
        if self.pipe.read_exact(&mut pixels).is_err() {
            return Ok(None);
        }
        let (number, time) = self.marks.recv().map_err(|_| "ffmpeg does not tell the time of a frame")?;
        if !time.is_finite() {
            return Err("ffmpeg finds frames without a time".into());
        }
        let picture = Rgb { width, height, pixels };
        Ok(Some(Still { time, number: Some(number).filter(|_| self.counts), picture }))
    }

    /// The size of the next picture.
    fn header(&mut self) -> Result<Option<(u32, u32)>, String> {
        let mut words = Vec::new();
        for _ in 0..3 {
            let mut line = Vec::new();
            let read = self.pipe.by_ref().take(64).read_until(b'\n', &mut line);
            if !matches!(read, Ok(1..)) {
                return Ok(None);
            }
            words.extend(String::from_utf8_lossy(&line).split_ascii_whitespace().map(str::to_string));
        }
        let wrong = || "ffmpeg gives no frames that can be read".to_string();
        let [magic, width, height, most] = words.as_slice() else { return Err(wrong()) };
        let side = |text: &String| text.parse::<u32>().ok().filter(|side| *side > 0);
        let size = side(width).zip(side(height)).filter(|_| magic == "P6" && most == "255").ok_or_else(wrong)?;
        match u64::from(size.0) * u64::from(size.1) <= MOST_PIXELS {
            true => Ok(Some(size)),
            false => Err(format!("frames of {} x {} pixels are too large", size.0, size.1)),
        }
    }

    /// Waits for ffmpeg, which has nothing more to give, and says what was wrong.
    pub(super) fn end(self, film: &Path) -> Option<Fault> {
        drop(self.pipe);
        let status = self.program.wait();
        let said = self.said.join().unwrap_or_default();
        let plain = plain(&said, film);
        // ffmpeg takes a file that is cut short for one that is done, but for a line.
        let is_cut = said.iter().any(|line| line.contains("partial file") || line.contains("ended prematurely"));
        match status {
            Ok(status) if status.success() && is_cut => Some(Fault::Cut("the file is cut short".into())),
            Ok(status) if status.success() => plain.map(Fault::Damaged),
            Ok(status) if status.signal().is_some() => Some(Fault::Cut("ffmpeg crashed over it".into())),
            Ok(_) => Some(Fault::Cut(plain.unwrap_or_else(|| "ffmpeg cannot read it on".into()))),
            Err(e) => Some(Fault::Cut(format!("ffmpeg cannot be waited for: {e}"))),
        }
    }
}

/// What ffmpeg's expressions print: a number with six digits after the point, and nothing else.
fn printed(line: &str) -> Option<f64> {
    if line == "nan" || line == "-nan" {
        return Some(f64::NAN);
    }
    let (whole, digits) = line.strip_prefix('-').unwrap_or(line).split_once('.')?;
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    (digits.len() == 6 && is_digits(whole) && is_digits(digits)).then(|| line.parse().ok()).flatten()
}

/// From decoded frames to stills: those that are wanted, told, of square pixels, not larger than wanted, in RGB.
fn filters(condition: &str, size: Option<u32>) -> String {
    const EXACT: &str = "accurate_rnd+full_chroma_int+full_chroma_inp";
    let select = format!("select='if({condition},(print(n,16);print(t,16);1),0)'");
    // Players stretch, and so does this, towards more pixels.
    let square = "scale=w='if(gt(sar,1),iw*sar,iw)':h='if(gt(sar,0)*lt(sar,1),ih/sar,ih)'";
    match size {
        None => format!("{select},{square}:flags=lanczos+{EXACT},setsar=1,format=rgb24"),
        Some(size) => format!(
            "{select},{square}:flags=lanczos+{EXACT},setsar=1,\
             scale=w='min(iw,{size})':h='min(ih,{size})':force_original_aspect_ratio=decrease:flags=area+{EXACT},format=rgb24"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_expressions_print_is_a_number() {
        assert_eq!(printed("1.001000"), Some(1.001));
        assert_eq!(printed("-0.040000"), Some(-0.04));
        assert!(printed("nan").is_some_and(f64::is_nan));
        for other in ["1.5", "1", "a 1.000000", "1.0000000", "", ".000000", "1.00000x"] {
            assert_eq!(printed(other), None, "{other}");
        }
    }
}

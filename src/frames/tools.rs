//! ffmpeg and ffprobe: where they are, and what every call of them has in common.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::io::Program;

/// Names ffmpeg, or the folder that it and ffprobe are in.
const VARIABLE: &str = "POKEDEX_FFMPEG";

/// What holds pictures and nothing that leads elsewhere: playlists, scripts and lists of files are no films.
const CONTAINERS: &str = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpeg,mpegts,mpegvideo,m4v,h264,hevc,av1,obu,ivf,vc1,asf,\
     asf_o,flv,live_flv,kux,ogg,gif,apng,nut,mxf,rm,dv,yuv4mpegpipe,wtv,dxa,bink,smk,roq,nsv,amv";

/// Why no film can be read.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "a variant's message says what it is")]
pub enum Error {
    #[error("{name}: not found, and films are read by it")]
    Missing { name: String },
    #[error("{name}: cannot be run: {problem}")]
    Broken { name: String, problem: String },
}

crate::failure::hinted!(Error);

impl Error {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Error::Missing { .. } => format!(
                "sudo apt install ffmpeg, or brew install ffmpeg; elsewhere than on the path: {VARIABLE}=/path/to/ffmpeg"
            ),
            Error::Broken { name, .. } => format!("{name} -version"),
        })
    }
}

/// The two programs.
#[derive(Debug)]
pub(super) struct Tools {
    ffmpeg: PathBuf,
    ffprobe: PathBuf,
    /// How this ffmpeg is told to hand on every frame as it is: 5.1 has a new name for it, 9 lost the old one.
    pub(super) as_it_is: [&'static str; 2],
}

impl Tools {
    /// # Errors
    /// One of the programs is not there.
    pub(super) fn find() -> Result<Tools, Error> {
        let given = std::env::var_os(VARIABLE).filter(|value| !value.is_empty()).map(PathBuf::from);
        let (ffmpeg, ffprobe) = match given {
            None => ("ffmpeg".into(), "ffprobe".into()),
            Some(folder) if folder.is_dir() => (folder.join("ffmpeg"), folder.join("ffprobe")),
            Some(ffmpeg) => {
                let beside = ffmpeg.with_file_name("ffprobe");
                (ffmpeg, if beside.is_file() { beside } else { "ffprobe".into() })
            }
        };
        let help = run(&ffmpeg, &["-hide_banner", "-h", "long"])?;
        run(&ffprobe, &["-version"])?;
        let is_new = help.contains("-fps_mode");
        Ok(Tools { ffmpeg, ffprobe, as_it_is: [if is_new { "-fps_mode" } else { "-vsync" }, "passthrough"] })
    }

    pub(super) fn ffmpeg(&self) -> Command {
        let mut command = Command::new(&self.ffmpeg);
        command.args(["-hide_banner", "-nostdin", "-loglevel", "repeat+error"]);
        command
    }

    pub(super) fn ffprobe(&self) -> Command {
        let mut command = Command::new(&self.ffprobe);
        command.args(["-hide_banner", "-loglevel", "repeat+error"]);
        command
    }
}

/// The arguments before `-i`, or the name of the input: this film and nothing else.
pub(super) fn confined() -> [&'static str; 4] {
    ["-protocol_whitelist", "file,pipe", "-format_whitelist", CONTAINERS]
}

/// A file as an address of ffmpeg's, whatever its name is.
pub(super) fn address(film: &Path) -> OsString {
    let mut address = OsString::from("file:");
    address.push(film);
    address
}

/// What a program answers.
fn run(program: &Path, arguments: &[&str]) -> Result<String, Error> {
    let name = program.display().to_string();
    let failed = |e: std::io::Error| match e.kind() {
        std::io::ErrorKind::NotFound => Error::Missing { name: name.clone() },
        _ => Error::Broken { name: name.clone(), problem: e.to_string() },
    };
    let (status, output, said) = answer(Command::new(program).args(arguments)).map_err(failed)?;
    match status.success() {
        true => Ok(output),
        false => Err(Error::Broken { name, problem: said.lines().last().unwrap_or("it fails").to_string() }),
    }
}

/// How a program ends, its standard output and what it said.
///
/// # Errors
/// It cannot be started or read.
pub(super) fn answer(command: &mut Command) -> std::io::Result<(std::process::ExitStatus, String, String)> {
    use std::io::Read;
    let mut program = Program::start(command)?;
    let (mut output, mut errors) = program.output().expect("both are piped, and were not taken");
    let said = std::thread::spawn(move || {
        let mut said = Vec::new();
        let _ = errors.read_to_end(&mut said);
        String::from_utf8_lossy(&said).into_owned()
    });
    let mut bytes = Vec::new();
    output.read_to_end(&mut bytes)?;
    let said = said.join().unwrap_or_default();
    Ok((program.wait()?, String::from_utf8_lossy(&bytes).into_owned(), said))
}

/// What ffmpeg said last that tells something, in plain words; `None` where nothing does.
pub(super) fn plain(said: &[String], film: &Path) -> Option<String> {
    // What only repeats that it failed.
    const EMPTY: [&str; 9] = [
        "invalid data found when processing input",
        "invalid argument",
        "conversion failed",
        "error opening input",
        "output file",
        "output file is empty",
        "nothing was written",
        "task finished with error",
        "error while decoding stream",
    ];
    let address = address(film).to_string_lossy().into_owned();
    let plain = said.iter().map(|line| {
        let line = unmarked(line);
        if line.starts_with("Format not on whitelist") {
            return "not of a kind that films are read from".into();
        }
        line.replace(&format!("{address}: "), "").replace(&address, "the film")
    });
    let telling = |line: &String| {
        let lower = line.to_lowercase();
        !line.is_empty() && !EMPTY.iter().any(|empty| lower.contains(empty))
    };
    plain.rev().find(telling)
}

/// A line without what ffmpeg puts before it in brackets.
pub(super) fn unmarked(line: &str) -> &str {
    let mut line = line.trim();
    while let Some((_, rest)) = line.strip_prefix('[').and_then(|line| line.split_once("] ")) {
        line = rest.trim_start();
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ffmpeg_says_is_told_in_plain_words() {
        let said = [
            "[mov,mp4,m4a,3gp,3g2,mj2 @ 0x55d1b3ff08c0] moov atom not found",
            "file:x.mp4: Invalid data found when processing input",
        ];
        let said: Vec<String> = said.map(str::to_string).to_vec();
        assert_eq!(plain(&said, Path::new("x.mp4")).as_deref(), Some("moov atom not found"));
        assert_eq!(plain(&said[1..], Path::new("x.mp4")), None);
        let list = ["[concat @ 0x5568bbc7f280] Format not on whitelist 'mov,avi'", "file:x.mp4: Invalid argument"];
        let list = list.map(str::to_string);
        assert_eq!(plain(&list, Path::new("x.mp4")).as_deref(), Some("not of a kind that films are read from"));
        let nested = "[vist#0:0/h264 @ 0x555ee76f1500] [dec:h264 @ 0x555ee76f3980] corrupt decoded frame";
        assert_eq!(unmarked(nested), "corrupt decoded frame");
    }
}

//! What a film says of itself before it is read.

use std::path::Path;

use serde_json::Value;

use super::tools::{Tools, address, answer, confined, plain};

/// When a film begins and how long it is, in seconds, where it says so.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Film {
    pub(super) start: f64,
    pub(super) duration: Option<f64>,
}

impl Film {
    /// When the last picture goes.
    pub(super) fn end(&self) -> Option<f64> {
        self.duration.map(|duration| self.start + duration)
    }
}

/// Asks ffprobe.
///
/// # Errors
/// Why it is no film, for the row's `error`.
pub(super) fn probe(tools: &Tools, film: &Path) -> Result<Film, String> {
    let mut command = tools.ffprobe();
    command.args(confined()).args(["-select_streams", "V:0", "-of", "json"]);
    command.args(["-show_entries", "stream=start_time,duration:stream_tags=DURATION:format=start_time,duration"]);
    command.arg(address(film));
    let (status, json, said) = answer(&mut command).map_err(|e| format!("ffprobe cannot be run: {e}"))?;
    let said: Vec<String> = said.lines().map(str::to_string).collect();
    let parsed: Value = serde_json::from_str(&json).unwrap_or_default();
    if !status.success() {
        let why = plain(&said, film).map(|line| format!(" ({line})")).unwrap_or_default();
        return Err(format!("not a film that ffmpeg can read{why}"));
    }
    let stream = &parsed["streams"][0];
    if stream.is_null() {
        return Err("has no moving picture".into());
    }
    let number = |value: &Value| value.as_str()?.parse::<f64>().ok().filter(|seconds| seconds.is_finite());
    let format = &parsed["format"];
    let start = number(&stream["start_time"]).or_else(|| number(&format["start_time"])).unwrap_or(0.0);
    // Matroska says in words how long a stream is.
    let tag = stream["tags"]["DURATION"].as_str().and_then(super::pick::seconds);
    let duration = number(&stream["duration"]).or(tag).or_else(|| number(&format["duration"]));
    Ok(Film { start, duration: duration.filter(|seconds| *seconds > 0.0) })
}

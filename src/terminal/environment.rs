//! What the environment says that a terminal can do.

use super::{Colours, Protocol, Variable};

impl Protocol {
    /// What the environment says that the terminal understands; half blocks where it does not say, and inside tmux and the
    /// like, which swallow pictures unless they are told not to.
    ///
    /// # Errors
    /// Why nothing should be drawn.
    pub(crate) fn guess(variable: Variable) -> Result<Protocol, &'static str> {
        let set = |name: &str| variable(name).is_some_and(|value| !value.is_empty());
        let term = variable("TERM").unwrap_or_default();
        if term.is_empty() || term == "dumb" {
            return Err("the terminal cannot draw (TERM)");
        }
        let inside = ["TMUX", "STY", "ZELLIJ"].iter().any(|name| set(name));
        let graphics = match inside || term.starts_with("tmux") || term.starts_with("screen") {
            true => None,
            false => graphics(&term, variable),
        };
        match graphics {
            Some(protocol) => Ok(protocol),
            None if set("NO_COLOR") => Err("NO_COLOR is set"),
            None => Ok(Protocol::Blocks(Colours::guess(variable))),
        }
    }
}

/// The graphics protocol of a terminal that is known to have one. `TERM` and `TERM_PROGRAM` name the terminal itself; the
/// others may be left over from one that it was started in, so they count last.
fn graphics(term: &str, variable: Variable) -> Option<Protocol> {
    match variable("TERM_PROGRAM").unwrap_or_default().as_str() {
        "ghostty" => return Some(Protocol::Kitty),
        "iTerm.app" | "WezTerm" | "WarpTerminal" | "mintty" | "rio" => return Some(Protocol::Iterm2),
        "Apple_Terminal" | "vscode" => return None,
        _ => {}
    }
    match term {
        _ if term.contains("kitty") || term.contains("ghostty") => return Some(Protocol::Kitty),
        _ if term == "wezterm" => return Some(Protocol::Iterm2),
        _ if ["foot", "mlterm", "contour"].iter().any(|name| term.starts_with(name)) || term.contains("sixel") => {
            return Some(Protocol::Sixel);
        }
        _ if !term.starts_with("xterm") => return None,
        _ => {}
    }
    let konsole = variable("KONSOLE_VERSION").and_then(|version| version.parse::<u32>().ok());
    if variable("KITTY_WINDOW_ID").is_some() || konsole.is_some_and(|version| version >= 22_04_00) {
        return Some(Protocol::Kitty);
    }
    (variable("LC_TERMINAL").as_deref() == Some("iTerm2")).then_some(Protocol::Iterm2)
}

impl Colours {
    /// What the environment says.
    pub(crate) fn guess(variable: Variable) -> Colours {
        let is = |name: &str, values: &[&str]| variable(name).is_some_and(|value| values.contains(&value.as_str()));
        let term = variable("TERM").unwrap_or_default();
        let all = is("COLORTERM", &["truecolor", "24bit"])
            || is("TERM_PROGRAM", &["iTerm.app", "WezTerm", "vscode", "ghostty"])
            || variable("WT_SESSION").is_some()
            || term.ends_with("-direct")
            || ["xterm-kitty", "xterm-ghostty", "alacritty", "foot", "wezterm"]
                .iter()
                .any(|name| term.starts_with(name));
        if all { Colours::All } else { Colours::Indexed }
    }
}

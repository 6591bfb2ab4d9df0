//! The arguments of a tool, read strictly: a slip of the pen is told, not passed over.

use serde_json::{Map, Value};

use crate::filter::nearest;
use crate::gallery::Refusal;

/// Arguments of a call.
pub(super) struct Arguments<'a>(&'a Map<String, Value>);

impl<'a> Arguments<'a> {
    /// Arguments of which no other than these are known.
    ///
    /// # Errors
    /// There is one.
    pub(super) fn new(all: &'a Map<String, Value>, known: &[&str]) -> Result<Arguments<'a>, Refusal> {
        match all.keys().find(|name| !known.contains(&name.as_str())) {
            None => Ok(Arguments(all)),
            Some(name) => {
                let known: Vec<String> = known.iter().map(ToString::to_string).collect();
                let hint = match nearest(name, &known) {
                    Some(meant) => format!("did you mean {meant}? There are {}", known.join(", ")),
                    None => format!("there are {}", known.join(", ")),
                };
                Err(Refusal::question(format!("{name}: there is no such argument"), hint))
            }
        }
    }

    fn get(&self, name: &str) -> Option<&'a Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    /// A text that is not empty.
    ///
    /// # Errors
    /// It is something else.
    pub(super) fn text(&self, name: &str) -> Result<Option<&'a str>, Refusal> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let text =
            value.as_str().ok_or_else(|| Refusal::question(format!("{name}: is no text"), "write it in quotes"))?;
        Ok(Some(text).filter(|text| !text.trim().is_empty()))
    }

    /// A whole number.
    ///
    /// # Errors
    /// It is something else, or none between these.
    pub(super) fn number(&self, name: &str, least: u64, most: u64) -> Result<Option<u64>, Refusal> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let whole = |x: f64| (x.fract() == 0.0 && (0.0..1e15).contains(&x)).then_some(x as u64);
        let number = value.as_u64().or_else(|| value.as_f64().and_then(whole));
        let number = number.filter(|number| (least..=most).contains(number));
        let hint = || format!("a whole number from {least} to {most} is expected");
        number.map(Some).ok_or_else(|| Refusal::question(format!("{name}: is none or out of range"), hint()))
    }

    /// Whether something is wanted.
    ///
    /// # Errors
    /// It is neither true nor false.
    pub(super) fn flag(&self, name: &str) -> Result<bool, Refusal> {
        match self.get(name) {
            None => Ok(false),
            Some(value) => value.as_bool().ok_or_else(|| {
                Refusal::question(format!("{name}: is neither true nor false"), format!("{name}: true"))
            }),
        }
    }
}

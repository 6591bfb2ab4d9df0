//! What a request asks for by name: of its address, of a form, or of an object.

use std::str::FromStr;

use serde_json::Value;

use crate::gallery::Refusal;

/// Names and values. Of a name that comes twice the first counts.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// Those of an address.
    pub(super) fn of_query(query: Option<&str>) -> Parameters {
        let pairs = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
        Parameters(pairs.into_owned().collect())
    }

    /// Adds one of a form.
    pub(super) fn add(&mut self, name: String, value: String) {
        self.0.push((name, value));
    }

    /// Adds those of a form.
    pub(super) fn extend(&mut self, others: Parameters) {
        self.0.extend(others.0);
    }

    /// Adds those of an object whose values are plain.
    ///
    /// # Errors
    /// A value is a list or an object.
    pub(super) fn add_object(&mut self, name: &str, value: &Value) -> Result<(), Refusal> {
        let text = match value {
            Value::Null => return Ok(()),
            Value::String(text) => text.clone(),
            Value::Bool(_) | Value::Number(_) => value.to_string(),
            Value::Array(_) | Value::Object(_) => {
                return Err(Refusal::question(format!("{name}: is no plain value"), "a text or a number is expected"));
            }
        };
        self.add(name.into(), text);
        Ok(())
    }

    /// Refuses names that nobody knows: whoever slips would be answered something else.
    ///
    /// # Errors
    /// There is one.
    pub(super) fn known(&self, names: &[&str]) -> Result<(), Refusal> {
        match self.0.iter().find(|(name, _)| !names.contains(&name.as_str())) {
            None => Ok(()),
            Some((name, _)) => {
                let names: Vec<String> = names.iter().map(ToString::to_string).collect();
                let hint = match crate::filter::nearest(name, &names) {
                    Some(meant) => format!("did you mean {meant}? There are {}", names.join(", ")),
                    None => format!("there are {}", names.join(", ")),
                };
                Err(Refusal::question(format!("{name}: there is no such parameter"), hint))
            }
        }
    }

    /// The value of a name, unless it is empty.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str());
        found.filter(|value| !value.is_empty())
    }

    /// As [`Parameters::text`], owned.
    pub(super) fn owned(&self, name: &str) -> Option<String> {
        self.text(name).map(str::to_string)
    }

    /// A number.
    ///
    /// # Errors
    /// It is none, or none between these.
    pub(super) fn number<T: FromStr + PartialOrd + std::fmt::Display>(
        &self,
        name: &str,
        least: T,
        most: T,
    ) -> Result<Option<T>, Refusal> {
        let Some(text) = self.text(name) else { return Ok(None) };
        let number = text.parse().ok().filter(|number| *number >= least && *number <= most);
        let hint = || format!("a number from {least} to {most} is expected");
        let shown: String = text.chars().take(40).collect();
        number
            .map(Some)
            .ok_or_else(|| Refusal::question(format!("{name}={shown}: is out of range or no number"), hint()))
    }

    /// Whether something is wanted.
    ///
    /// # Errors
    /// It is neither `true` nor `false`.
    pub(super) fn flag(&self, name: &str) -> Result<bool, Refusal> {
        match self.text(name) {
            None | Some("false" | "0") => Ok(false),
            Some("true" | "1") => Ok(true),
            Some(_) => Err(Refusal::question(format!("{name}: is neither true nor false"), format!("{name}=true"))),
        }
    }
}

//! A weight: what it is called, and where its numbers are.

use super::proto::{DATA_LOCATION, EXTERNAL_DATA, RAW_DATA};
use super::wire::{Fields, Value, name_of, put};

/// Where a weight lies that is not in the model's own file.
pub(super) struct Location {
    pub(super) file: String,
    pub(super) offset: u64,
    pub(super) length: Option<u64>,
}

pub(super) struct Tensor<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) name: &'a [u8],
    pub(super) raw: Option<&'a [u8]>,
    pub(super) is_external: bool,
    entries: Vec<&'a [u8]>,
}

impl<'a> Tensor<'a> {
    pub(super) fn read(bytes: &'a [u8]) -> Result<Tensor<'a>, String> {
        let mut tensor = Tensor { bytes, name: &[], raw: None, is_external: false, entries: Vec::new() };
        for field in Fields(bytes) {
            match field? {
                (8, Value::Bytes(name)) => tensor.name = name,
                (RAW_DATA, Value::Bytes(raw)) => tensor.raw = Some(raw),
                (EXTERNAL_DATA, Value::Bytes(entry)) => tensor.entries.push(entry),
                (DATA_LOCATION, Value::Varint(location)) => tensor.is_external = location == 1,
                _ => {}
            }
        }
        Ok(tensor)
    }

    pub(super) fn location(&self) -> Result<Option<Location>, String> {
        if !self.is_external {
            return Ok(None);
        }
        let mut at = Location { file: String::new(), offset: 0, length: None };
        for entry in &self.entries {
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            let (key, value) = (name_of(entry, 1)?, text(name_of(entry, 2)?));
            let number = || value.parse::<u64>().map_err(|_| format!("`{value}` is no place in a file"));
            match key {
                b"location" => at.file = value,
                b"offset" => at.offset = number()?,
                b"length" => at.length = Some(number()?),
                _ => {}
            }
        }
        // A model must not reach files other than its own.
        let own = !at.file.is_empty() && !at.file.contains(['/', '\\']) && at.file != "..";
        if own { Ok(Some(at)) } else { Err(format!("its weights are said to be in `{}`, not beside it", at.file)) }
    }

    pub(super) fn without_data(&self) -> Vec<u8> {
        let mut message = Vec::new();
        for (number, value) in Fields(self.bytes).flatten() {
            if ![RAW_DATA, EXTERNAL_DATA, DATA_LOCATION].contains(&number) {
                put(&mut message, number, &value);
            }
        }
        message
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_outside_the_folder_are_refused() {
        for place in ["/etc/passwd", "../secret", "..", "a/b", "a\\b", ""] {
            let mut entry = Vec::new();
            put(&mut entry, 1, &Value::Bytes(b"location"));
            put(&mut entry, 2, &Value::Bytes(place.as_bytes()));
            let mut tensor = Vec::new();
            put(&mut tensor, EXTERNAL_DATA, &Value::Bytes(&entry));
            put(&mut tensor, DATA_LOCATION, &Value::Varint(1));
            assert!(Tensor::read(&tensor).expect("a tensor").location().is_err(), "{place}");
        }
    }
}

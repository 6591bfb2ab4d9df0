//! The wire format of protocol buffers: the fields of a message, read and written.

/// A field's value, as the wire has it.
pub(super) enum Value<'a> {
    Varint(u64),
    Bytes(&'a [u8]),
    Fixed64([u8; 8]),
    Fixed32([u8; 4]),
}

/// The fields of a message: (number, value).
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

impl<'a> Fields<'a> {
    fn varint(&mut self) -> Option<u64> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let (&byte, rest) = self.0.split_first()?;
            self.0 = rest;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    fn field(&mut self) -> Option<(u64, Value<'a>)> {
        let tag = self.varint()?;
        let value = match tag & 7 {
            0 => Value::Varint(self.varint()?),
            1 => {
                let (bytes, rest) = self.0.split_first_chunk::<8>()?;
                self.0 = rest;
                Value::Fixed64(*bytes)
            }
            2 => {
                let length = usize::try_from(self.varint()?).ok()?;
                let (bytes, rest) = self.0.split_at_checked(length)?;
                self.0 = rest;
                Value::Bytes(bytes)
            }
            5 => {
                let (bytes, rest) = self.0.split_first_chunk::<4>()?;
                self.0 = rest;
                Value::Fixed32(*bytes)
            }
            _ => return None,
        };
        Some((tag >> 3, value))
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u64, Value<'a>), String>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_none() {
            self.0 = &[];
        }
        Some(field.ok_or_else(|| "it is cut short or damaged".into()))
    }
}

pub(super) fn name_of(message: &[u8], number: u64) -> Result<&[u8], String> {
    for field in Fields(message) {
        if let (n, Value::Bytes(name)) = field?
            && n == number
        {
            return Ok(name);
        }
    }
    Ok(&[])
}

/// Whole numbers of a field that may be repeated or packed.
pub(super) fn numbers_of(message: &[u8], number: u64) -> Result<Vec<u64>, String> {
    let mut numbers = Vec::new();
    for field in Fields(message) {
        match field? {
            (n, Value::Varint(value)) if n == number => numbers.push(value),
            (n, Value::Bytes(packed)) if n == number => {
                let mut packed = Fields(packed);
                while !packed.0.is_empty() {
                    numbers.push(packed.varint().ok_or("it is cut short or damaged")?);
                }
            }
            _ => {}
        }
    }
    Ok(numbers)
}

fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

pub(super) fn put(out: &mut Vec<u8>, number: u64, value: &Value) {
    let wire = match value {
        Value::Varint(_) => 0,
        Value::Fixed64(_) => 1,
        Value::Bytes(_) => 2,
        Value::Fixed32(_) => 5,
    };
    put_varint(out, number << 3 | wire);
    match value {
        Value::Varint(n) => put_varint(out, *n),
        Value::Fixed64(bytes) => out.extend_from_slice(bytes),
        Value::Fixed32(bytes) => out.extend_from_slice(bytes),
        Value::Bytes(bytes) => {
            put_varint(out, bytes.len() as u64);
            out.extend_from_slice(bytes);
        }
    }
}

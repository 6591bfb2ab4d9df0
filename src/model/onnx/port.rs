//! An input or output of a graph: its name, type and shape.

use super::wire::{Fields, Value, name_of};

/// A number's type, as far as towers have it at their ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Float32,
    Float16,
    Int32,
    Int64,
    UInt8,
    /// A type that no tower has at its ends, by its name; none where the graph does not tell it.
    Other(Option<&'static str>),
}

impl Kind {
    /// By its number in onnx.proto.
    fn of(number: u64) -> Kind {
        match number {
            1 => Kind::Float32,
            2 => Kind::UInt8,
            6 => Kind::Int32,
            7 => Kind::Int64,
            10 => Kind::Float16,
            number => {
                let others = [(3, "int8"), (4, "uint16"), (5, "int16"), (8, "string"), (9, "bool"), (11, "float64")];
                let rest = [(12, "uint32"), (13, "uint64"), (14, "complex64"), (15, "complex128"), (16, "bfloat16")];
                let name = others.into_iter().chain(rest).find(|(known, _)| *known == number).map(|(_, name)| name);
                Kind::Other(Some(name.unwrap_or("a type that is not known")))
            }
        }
    }

    /// Is it one of floating-point numbers that towers give?
    pub(crate) fn is_float(self) -> bool {
        matches!(self, Kind::Float32 | Kind::Float16)
    }
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Kind::Float32 => "float32",
            Kind::Float16 => "float16",
            Kind::Int32 => "int32",
            Kind::Int64 => "int64",
            Kind::UInt8 => "uint8",
            Kind::Other(name) => name.unwrap_or("an unknown type"),
        })
    }
}

/// An input or output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Port {
    pub name: String,
    pub kind: Kind,
    /// Sizes; `None` where the graph leaves it to the caller.
    pub shape: Vec<Option<usize>>,
}

impl Port {
    pub(super) fn read(bytes: &[u8]) -> Result<Port, String> {
        let name = String::from_utf8_lossy(name_of(bytes, 1)?).into_owned();
        let mut port = Port { name, kind: Kind::Other(None), shape: Vec::new() };
        // ValueInfoProto.type → TypeProto.tensor_type → its element type and its shape.
        for field in Fields(name_of(name_of(bytes, 2)?, 1)?) {
            match field? {
                (1, Value::Varint(kind)) => port.kind = Kind::of(kind),
                (2, Value::Bytes(shape)) => {
                    for dimension in Fields(shape) {
                        let (1, Value::Bytes(dimension)) = dimension? else { continue };
                        let mut size = None;
                        for field in Fields(dimension) {
                            if let (1, Value::Varint(n)) = field? {
                                // Some exporters write −1 for what is open.
                                size = usize::try_from(n.cast_signed()).ok().filter(|&n| n > 0);
                            }
                        }
                        port.shape.push(size);
                    }
                }
                _ => {}
            }
        }
        Ok(port)
    }
}

//! Files that are no tables: what they are, and what makes a table of them.

use super::Error;

/// The error for what is no table; `hint` is the command for what could be one of the pictures or lists that stages take.
pub(super) fn not_a_table(name: &str, start: &[u8], hint: &str) -> Error {
    let sql = |reader: &str| format!("duckdb -c \"copy (from {reader}('{name}')) to 'table.parquet'\"");
    let python = |code: &str| format!("python3 -c \"{code}\"");
    let (found, hint) = match start {
        [] => return Error::Empty { name: name.into() },
        [0x93, b'N', b'U', b'M', b'P', b'Y', ..] => (
            "a NumPy file",
            python(&format!(
                "import numpy as np, pandas as pd; pd.DataFrame({{'embedding': list(np.load('{name}'))}}).to_parquet('table.parquet')"
            )),
        ),
        [b'P', b'K', 3, 4, ..] => (
            "an archive (.npz or .zip)",
            python(&format!(
                "import numpy as np, pandas as pd; f = np.load('{name}'); print(f.files); pd.DataFrame({{'embedding': list(f[f.files[0]])}}).to_parquet('table.parquet')"
            )),
        ),
        [0x89, b'H', b'D', b'F', ..] => (
            "an HDF5 file",
            python(&format!(
                "import h5py, pandas as pd; f = h5py.File('{name}'); print(list(f)); pd.DataFrame({{'embedding': list(f[list(f)[0]][:])}}).to_parquet('table.parquet')"
            )),
        ),
        [_, _, _, _, _, 0, 0, 0, b'{', ..] => (
            "a safetensors file",
            python(&format!(
                "from safetensors.numpy import load_file; import pandas as pd; f = load_file('{name}'); print(list(f)); pd.DataFrame({{'embedding': list(f[list(f)[0]])}}).to_parquet('table.parquet')"
            )),
        ),
        [b'F', b'E', b'A', b'1', ..] => (
            "a Feather file of the first version",
            python(&format!("import pandas as pd; pd.read_feather('{name}').to_parquet('table.parquet')")),
        ),
        [b'O', b'R', b'C', ..] => {
            ("an ORC file", python(&format!("import pandas as pd; pd.read_orc('{name}').to_parquet('table.parquet')")))
        }
        [b'O', b'b', b'j', 1, ..] => ("an Avro file", sql("read_avro")),
        [b'S', b'Q', b'L', b'i', b't', b'e', ..] => {
            ("an SQLite database", format!("duckdb {name} -c \"copy TABLE to 'table.parquet'\""))
        }
        [0x1f, 0x8b, ..] => ("compressed (gzip)", format!("gunzip -k {name}")),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => ("compressed (Zstandard)", format!("unzstd {name}")),
        [0x80, 2..=5, ..] => (
            "a Python pickle",
            python(&format!("import pandas as pd; pd.read_pickle('{name}').to_parquet('table.parquet')")),
        ),
        _ => match text(start) {
            Some(b'{' | b'[') => ("JSON", sql("read_json_auto")),
            Some(_) if header_has(start, b',') || header_has(start, b'\t') => ("a CSV", sql("read_csv_auto")),
            _ => ("neither Parquet nor Arrow", hint.to_string()),
        },
    };
    Error::NeedsTable { name: name.into(), found: found.into(), hint }
}

/// The first byte of a text that is not blank.
fn text(start: &[u8]) -> Option<u8> {
    let start = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start);
    start.iter().copied().find(|b| !b.is_ascii_whitespace()).filter(|_| !start.contains(&0))
}

fn header_has(start: &[u8], byte: u8) -> bool {
    start.split(|&b| b == b'\n').next().is_some_and(|header| header.contains(&byte) && header.is_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_other_programs_are_called_by_their_names() {
        for (start, called) in [
            (&b"PK\x03\x04\x14\0"[..], ".npz"),
            (b"\x93NUMPY\x01\0", "NumPy"),
            (b"\x89HDF\r\n", "HDF5"),
            (b"\x48\0\0\0\0\0\0\0{\"a\":", "safetensors"),
            (b"FEA1", "Feather"),
            (b"a,b\n1,2\n", "CSV"),
            (b"{\"a\": 1}\n", "JSON"),
            (b"\x89PNG\r\n\x1a\n", "neither"),
        ] {
            let error = not_a_table("x", start, "pokedex embed x");
            assert!(error.to_string().contains(called), "{error}");
            assert!(error.hint().is_some_and(|hint| !hint.is_empty()));
        }
    }
}

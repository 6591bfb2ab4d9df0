//! The formats in which results are shown, and how they write numbers.

/// How results are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
#[expect(missing_docs, reason = "the help shows a value's name, which says all")]
pub enum Format {
    /// Aligned columns, for people
    Table,
    /// Tab-separated, with a header
    Tsv,
    Csv,
    /// One array of objects
    Json,
    /// One object a line
    Jsonl,
    Parquet,
    /// Paths only (keys where there is no path), one a line
    Paths,
}

/// A number through its shortest decimal form: 0.7 is 0.7, not 0.699999988079071.
pub(crate) fn number(x: f32) -> serde_json::Value {
    x.to_string().parse::<f64>().unwrap_or(f64::NAN).into()
}

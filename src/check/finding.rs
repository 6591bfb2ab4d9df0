//! A finding, as a sentence for people and as cells for programs.

use serde_json::Value;

use super::{Finding, Report, Subject};

/// The columns of a table of findings.
pub(super) const COLUMNS: [&str; 9] =
    ["severity", "rule", "key", "split", "label", "other_key", "other_split", "other_label", "detail"];

/// What those columns have for a finding; `None` where it says nothing.
pub(super) fn cells(report: &Report, finding: &Finding) -> [Option<String>; 9] {
    let row = match finding.subject {
        Subject::Row(row) => Some(row),
        _ => None,
    };
    let key = match &finding.subject {
        Subject::Row(row) => Some(report.key(*row).to_string()),
        Subject::File(file) => Some(file.clone()),
        Subject::Class(_) | Subject::Set => None,
    };
    let label = match &finding.subject {
        Subject::Class(class) => Some(class.clone()),
        _ => row.and_then(|row| report.label(row)).map(str::to_string),
    };
    let split = |row: Option<u32>| row.and_then(|row| report.split(row)).map(str::to_string);
    let other = finding.other;
    [
        Some(finding.rule.severity().name().into()),
        Some(finding.rule.name().into()),
        key,
        split(row),
        label,
        other.map(|row| report.key(row).to_string()),
        split(other),
        other.and_then(|row| report.label(row)).map(str::to_string),
        Some(finding.detail.clone()).filter(|detail| !detail.is_empty()),
    ]
}

/// The cells by the names of their columns.
pub(super) fn object(report: &Report, finding: &Finding) -> Value {
    COLUMNS.iter().map(|name| name.to_string()).zip(cells(report, finding).map(Value::from)).collect()
}

impl Report {
    /// A finding in a line.
    pub fn sentence(&self, finding: &Finding) -> String {
        sentence(self, finding)
    }
}

/// A finding in a line.
pub(super) fn sentence(report: &Report, finding: &Finding) -> String {
    let row = |row: u32| match (report.split(row), report.label(row)) {
        (Some(split), Some(label)) => format!("{} ({split}, {label})", report.key(row)),
        (Some(one), None) | (None, Some(one)) => format!("{} ({one})", report.key(row)),
        (None, None) => report.key(row).to_string(),
    };
    let mut text = match &finding.subject {
        Subject::Row(number) => row(*number),
        Subject::File(name) | Subject::Class(name) => name.clone(),
        Subject::Set => String::new(),
    };
    if let Some(other) = finding.other {
        text = format!("{text} and {}", row(other));
    }
    match (text.is_empty(), finding.detail.is_empty()) {
        (true, _) => finding.detail.clone(),
        (false, true) => text,
        (false, false) => format!("{text}: {}", finding.detail),
    }
}

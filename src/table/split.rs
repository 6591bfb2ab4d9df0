//! The column `split`: what its values mean, whoever wrote them.

/// A part of a data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Split {
    /// What a model learns from.
    Train,
    /// What is chosen by while it learns.
    Validation,
    /// What it is judged by in the end.
    Test,
}

/// In the order of the ratios.
pub const SPLITS: [Split; 3] = [Split::Train, Split::Validation, Split::Test];

/// What a message says of a value that is none.
pub const KNOWN: &str = "the splits are train, validation (val, valid, dev) and test (testing, eval)";

impl Split {
    /// Its name in a table.
    pub fn name(self) -> &'static str {
        match self {
            Split::Train => "train",
            Split::Validation => "validation",
            Split::Test => "test",
        }
    }

    /// The split that a name means: the words of the `datasets` library (`SPLIT_KEYWORDS` in its data_files.py), whatever
    /// their case. `eval` is a test there; so it is here, where what is not learnt from does the least harm.
    pub fn named(name: &str) -> Option<Split> {
        match name.trim().to_ascii_lowercase().as_str() {
            "train" | "training" => Some(Split::Train),
            "validation" | "valid" | "val" | "dev" => Some(Split::Validation),
            "test" | "testing" | "eval" | "evaluation" => Some(Split::Test),
            _ => None,
        }
    }
}

impl std::str::FromStr for Split {
    type Err = String;

    fn from_str(name: &str) -> Result<Split, String> {
        Split::named(name).ok_or_else(|| KNOWN.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_other_tools_are_understood_whatever_their_case() {
        for (split, names) in [
            (Split::Train, ["train", "Training", " TRAIN "].as_slice()),
            (Split::Validation, &["validation", "val", "Valid", "dev"]),
            (Split::Test, &["test", "Testing", "eval", "evaluation"]),
        ] {
            assert!(names.iter().all(|name| Split::named(name) == Some(split)), "{split:?}");
        }
        assert_eq!(["", "trainer", "holdout", "tests"].map(Split::named), [None; 4]);
        assert!("holdout".parse::<Split>().expect_err("none").contains("train, validation"));
    }
}

//! The characters of a recogniser, and how its numbers become text.

use std::path::Path;

use crate::model::engine::Output;

/// What class a recogniser's outputs are: nothing (0), then these.
#[derive(Debug, PartialEq)]
pub(super) struct Alphabet(Vec<String>);

/// A file of characters is not longer.
const MOST_BYTES: u64 = 4 << 20;

impl Alphabet {
    /// The characters that a graph names, or that a file beside it does, one a line.
    ///
    /// # Errors
    /// There are none, or a file cannot be read.
    pub(super) fn of(graph: Option<&str>, folder: &Path, files: &[String]) -> Result<Alphabet, String> {
        let lines = |text: &str| Alphabet(text.trim_end_matches('\n').split('\n').map(plain).collect());
        if let Some(text) = graph {
            return Ok(lines(text));
        }
        let is_list = |file: &&String| file.ends_with(".txt") && (file.contains("dict") || file.contains("keys"));
        let file = files.iter().find(is_list).ok_or("its recogniser names no characters (metadata `character`)")?;
        let path = folder.join(file);
        match std::fs::metadata(&path) {
            Ok(about) if about.len() > MOST_BYTES => Err(format!("{file}: too long for characters")),
            _ => std::fs::read_to_string(&path).map(|text| lines(&text)).map_err(|e| format!("{file}: {e}")),
        }
    }

    /// Makes it fit so many classes: the first is nothing, and the last a space where the list has none for it.
    ///
    /// # Errors
    /// It does not.
    fn fit(&self, classes: usize) -> Result<(), String> {
        match classes.checked_sub(self.0.len()) {
            Some(1 | 2) => Ok(()),
            _ => Err(format!("its recogniser has {classes} classes for {} characters", self.0.len())),
        }
    }

    /// The text of an output `[1, steps, classes]`, and how sure the recogniser is: the best class of each step, of equal
    /// neighbours one, without nothing (Graves et al., 2006, best path decoding); the mean of what is left.
    ///
    /// # Errors
    /// It is of another shape, or not a number.
    pub(super) fn decode(&self, output: &Output) -> Result<(String, f32), String> {
        let &[1, steps, classes] = &output.shape[..] else {
            return Err(format!("gave an output of shape {:?}, not [1, steps, classes]", output.shape));
        };
        self.fit(classes)?;
        let (mut text, mut sum, mut count, mut before) = (String::new(), 0.0f64, 0u32, 0);
        for step in output.data.chunks_exact(classes).take(steps) {
            let mut best = (0, f32::NEG_INFINITY);
            for (class, &sure) in step.iter().enumerate() {
                if sure > best.1 {
                    best = (class, sure);
                }
            }
            if !best.1.is_finite() {
                return Err("gave numbers that are not finite".into());
            }
            let (class, sure) = best;
            if class != 0 && class != before {
                text.push_str(self.0.get(class - 1).map_or(" ", String::as_str));
                sum += f64::from(sure);
                count += 1;
            }
            before = class;
        }
        Ok((text, (sum / f64::from(count.max(1))) as f32))
    }
}

fn plain(line: &str) -> String {
    line.trim_end_matches('\r').to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn output(steps: &[usize], classes: usize) -> Output {
        let mut data = vec![0.1; steps.len() * classes];
        steps.iter().enumerate().for_each(|(at, &class)| data[at * classes + class] = 0.8);
        Output { shape: vec![1, steps.len(), classes], data }
    }

    #[test]
    fn equal_neighbours_are_one_character_unless_nothing_parts_them() {
        let alphabet = Alphabet::of(Some("a\nb\n"), Path::new("."), &[]).expect("characters");
        let read = |steps: &[usize]| alphabet.decode(&output(steps, 4)).expect("a text");
        assert_eq!(read(&[0, 1, 1, 0, 1, 2, 2, 3, 2, 0]), ("aab b".into(), 0.8));
        assert_eq!(read(&[0, 0]), (String::new(), 0.0));
        assert_eq!(read(&[]), (String::new(), 0.0));
        assert!(alphabet.decode(&output(&[1], 3)).is_ok(), "a list with its own space");
        assert!(alphabet.decode(&output(&[1], 5)).is_err());
        assert!(alphabet.decode(&Output { shape: vec![1, 2], data: vec![0.0; 2] }).is_err());
        assert!(alphabet.decode(&Output { shape: vec![1, 1, 4], data: vec![f32::NAN; 4] }).is_err());
    }
}

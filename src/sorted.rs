//! Texts of sorted lines, in which a line is found without the others being read.

/// What is left of a text from the first line on that does not come before what is looked for; lines for which `is_before`
/// holds stand before all others.
pub(crate) fn from_line<'a>(text: &'a str, is_before: impl Fn(&'a str) -> bool) -> &'a str {
    // The line that begins before the middle is looked at.
    let (mut low, mut high) = (0, text.len());
    while low < high {
        let middle = text.floor_char_boundary(low.midpoint(high));
        let start = text[..middle].rfind('\n').map_or(0, |end| end + 1);
        let end = text[start..].find('\n').map_or(text.len(), |length| start + length);
        match is_before(&text[start..end]) {
            true => low = (end + 1).min(text.len()),
            false => high = start,
        }
    }
    &text[low..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_that_is_not_before_is_found() {
        for text in ["", "a\n", "a\nbé\nc\n", "a\nb\nb\nd", "é\n猫\n猫猫\n"] {
            for wanted in ["", "a", "b", "bé", "c", "d", "é", "猫", "龍"] {
                let from = text.lines().position(|line| line >= wanted);
                let left: Vec<&str> = from_line(text, |line| line < wanted).lines().collect();
                assert_eq!(
                    left,
                    text.lines().skip(from.unwrap_or(usize::MAX)).collect::<Vec<_>>(),
                    "{text:?} {wanted}"
                );
            }
        }
    }
}

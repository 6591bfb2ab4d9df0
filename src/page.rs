//! The page: a document, a style and scripts, which a server and a site without one both show. They differ in the scripts
//! from which the page takes its data.

/// A file of the page below `page/`: its name, its media type, its bytes.
pub(crate) type File = (&'static str, &'static str, &'static [u8]);

/// In whose place the scripts of the source stand.
const PLACE: &str = "<!-- source -->";

const DOCUMENT: &str = include_str!("page/index.html");

const SCRIPT: &str = "text/javascript; charset=utf-8";

macro_rules! script {
    ($name:literal) => {
        ($name, SCRIPT, include_bytes!(concat!("page/", $name)))
    };
}

/// What the document itself names.
pub(crate) const FILES: &[File] = &[];

/// The scripts that answer without a server, in the order in which they run.
pub(crate) const SITE: &[File] = &[
    script!("letters.js"),
    script!("wordpiece.js"),
    script!("tower.js"),
    script!("terms.js"),
    script!("species.js"),
    script!("ask.js"),
    script!("condition.js"),
    script!("numbers.js"),
    script!("times.js"),
    script!("truth.js"),
    script!("views.js"),
    script!("site.js"),
];

/// The best score below which nothing is really like the words that were asked for: of the fused search of the Pokédex,
/// and of cosines. Measured on `benches/queries.csv` and on 25 questions that no picture answers: of those the best
/// scored 0.28 (fused) and 0.26, of the others 0.36 and 0.20 at least, and 98 in a hundred of these more than 0.24.
pub(crate) const WEAK: (f32, f32) = (0.32, 0.24);

/// The document, with these scripts for its source: paths relative to it.
pub(crate) fn index(sources: &[&str]) -> String {
    let scripts: Vec<String> = sources.iter().map(|source| format!("<script src=\"{source}\"></script>")).collect();
    DOCUMENT.replacen(PLACE, &scripts.join("\n"), 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_names_its_source_once_and_only_files_that_there_are() {
        assert_eq!(DOCUMENT.matches(PLACE).count(), 1);
        let page = index(&["page/a.js", "page/b.js"]);
        assert!(page.contains("<script src=\"page/a.js\"></script>\n<script src=\"page/b.js\"></script>"), "{page}");
        for start in ["src=\"page/", "href=\"page/"] {
            for rest in DOCUMENT.split(start).skip(1) {
                let name = rest.split('"').next().unwrap_or_default();
                assert!(FILES.iter().any(|(file, ..)| *file == name), "{name}");
            }
        }
    }

    #[test]
    fn no_script_or_style_stands_in_the_document() {
        assert!(!DOCUMENT.contains("<style") && !DOCUMENT.contains(" style=\""), "{DOCUMENT}");
        assert!(DOCUMENT.split("<script").skip(1).all(|script| script.trim_start().contains("src=\"page/")));
        assert!([" onclick=", " onload=", "javascript:"].iter().all(|inline| !DOCUMENT.contains(inline)));
    }
}

//! The files of the page that shows an index: the same for the server and for a folder of plain files.

/// A file of the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct File {
    /// Its name, from the page's own folder.
    pub(crate) name: &'static str,
    /// Its media type.
    pub(crate) media_type: &'static str,
    /// What is in it.
    pub(crate) contents: &'static str,
}

/// What the page links to; where its data comes from, [`SERVER`] or the scripts of a folder of plain files, comes before.
pub(crate) const FILES: &[File] = &[
    File { name: "page/base.css", media_type: CSS, contents: include_str!("page/base.css") },
    File { name: "page/page.css", media_type: CSS, contents: include_str!("page/page.css") },
    File { name: "page/parts.js", media_type: JAVASCRIPT, contents: include_str!("page/parts.js") },
    File { name: "page/grid.js", media_type: JAVASCRIPT, contents: include_str!("page/grid.js") },
    File { name: "page/lists.js", media_type: JAVASCRIPT, contents: include_str!("page/lists.js") },
    File { name: "page/detail.js", media_type: JAVASCRIPT, contents: include_str!("page/detail.js") },
    File { name: "page/points.js", media_type: JAVASCRIPT, contents: include_str!("page/points.js") },
    File { name: "page/map.js", media_type: JAVASCRIPT, contents: include_str!("page/map.js") },
    File { name: "page/which.js", media_type: JAVASCRIPT, contents: include_str!("page/which.js") },
    File { name: "page/selection.js", media_type: JAVASCRIPT, contents: include_str!("page/selection.js") },
    File { name: "page/page.js", media_type: JAVASCRIPT, contents: include_str!("page/page.js") },
];

/// The script that gets the page's data from the server that sent it.
pub(crate) const SERVER: File =
    File { name: "page/server.js", media_type: JAVASCRIPT, contents: include_str!("page/server.js") };

/// The scripts that get the page's data from files beside it, in the order in which they run.
pub(crate) const SITE: &[File] = &[
    File { name: "page/letters.js", media_type: JAVASCRIPT, contents: include_str!("page/letters.js") },
    File { name: "page/wordpiece.js", media_type: JAVASCRIPT, contents: include_str!("page/wordpiece.js") },
    File { name: "page/tower.js", media_type: JAVASCRIPT, contents: include_str!("page/tower.js") },
    File { name: "page/terms.js", media_type: JAVASCRIPT, contents: include_str!("page/terms.js") },
    File { name: "page/species.js", media_type: JAVASCRIPT, contents: include_str!("page/species.js") },
    File { name: "page/ask.js", media_type: JAVASCRIPT, contents: include_str!("page/ask.js") },
    File { name: "page/condition.js", media_type: JAVASCRIPT, contents: include_str!("page/condition.js") },
    File { name: "page/numbers.js", media_type: JAVASCRIPT, contents: include_str!("page/numbers.js") },
    File { name: "page/times.js", media_type: JAVASCRIPT, contents: include_str!("page/times.js") },
    File { name: "page/truth.js", media_type: JAVASCRIPT, contents: include_str!("page/truth.js") },
    File { name: "page/views.js", media_type: JAVASCRIPT, contents: include_str!("page/views.js") },
    File { name: "page/site.js", media_type: JAVASCRIPT, contents: include_str!("page/site.js") },
];

/// Scores of answers to words below which nothing is really like them, of the built-in model: for the Pokédex, whose scores
/// are fused, and for other tables. Measured by `benches/weak.py`.
pub(crate) const WEAK_SPECIES: f32 = 0.20;
pub(crate) const WEAK_ROWS: f32 = 0.10;

const CSS: &str = "text/css; charset=utf-8";
const JAVASCRIPT: &str = "text/javascript; charset=utf-8";

/// The place in the page where the scripts are named that get its data.
const SOURCE: &str = "<!-- source -->";

/// The page itself, which gets its data by these scripts.
pub(crate) fn index(scripts: &[&str]) -> String {
    let scripts: Vec<String> = scripts.iter().map(|script| format!("<script src=\"{script}\"></script>")).collect();
    include_str!("page/index.html").replace(SOURCE, &scripts.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_names_its_source_once_and_only_files_that_there_are() {
        let document = include_str!("page/index.html");
        assert_eq!(document.matches(SOURCE).count(), 1);
        let page = index(&["page/a.js", "page/b.js"]);
        assert!(page.contains("<script src=\"page/a.js\"></script>\n<script src=\"page/b.js\"></script>"), "{page}");
        for start in ["src=\"page/", "href=\"page/"] {
            for rest in document.split(start).skip(1) {
                let name = format!("page/{}", rest.split('"').next().unwrap_or_default());
                assert!(FILES.iter().any(|file| file.name == name), "{name}");
            }
        }
    }
}

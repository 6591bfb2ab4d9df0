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
    File { name: "page/page.css", media_type: CSS, contents: include_str!("page/page.css") },
    File { name: "page/parts.js", media_type: JAVASCRIPT, contents: include_str!("page/parts.js") },
    File { name: "page/grid.js", media_type: JAVASCRIPT, contents: include_str!("page/grid.js") },
    File { name: "page/lists.js", media_type: JAVASCRIPT, contents: include_str!("page/lists.js") },
    File { name: "page/detail.js", media_type: JAVASCRIPT, contents: include_str!("page/detail.js") },
    File { name: "page/which.js", media_type: JAVASCRIPT, contents: include_str!("page/which.js") },
    File { name: "page/selection.js", media_type: JAVASCRIPT, contents: include_str!("page/selection.js") },
    File { name: "page/page.js", media_type: JAVASCRIPT, contents: include_str!("page/page.js") },
];

/// The script that gets the page's data from the server that sent it.
pub(crate) const SERVER: File =
    File { name: "page/server.js", media_type: JAVASCRIPT, contents: include_str!("page/server.js") };

const CSS: &str = "text/css; charset=utf-8";
const JAVASCRIPT: &str = "text/javascript; charset=utf-8";

/// The place in the page where the scripts are named that get its data.
const SOURCE: &str = "<!-- source -->";

/// The page itself, which gets its data by these scripts.
pub(crate) fn index(scripts: &[&str]) -> String {
    let scripts: Vec<String> = scripts.iter().map(|script| format!("<script src=\"{script}\"></script>")).collect();
    include_str!("page/index.html").replace(SOURCE, &scripts.join("\n"))
}

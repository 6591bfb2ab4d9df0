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

/// What the page links to.
pub(crate) const FILES: &[File] = &[];

/// The place in the page where the scripts are named that get its data.
const SOURCE: &str = "<!-- source -->";

/// The page itself, which gets its data by these scripts.
pub(crate) fn index(scripts: &[&str]) -> String {
    let scripts: Vec<String> = scripts.iter().map(|script| format!("<script src=\"{script}\"></script>")).collect();
    include_str!("page/index.html").replace(SOURCE, &scripts.join("\n"))
}

//! The layout of torchvision's `ImageFolder` and Hugging Face's `imagefolder`: `SPLIT/CLASS/NAME.png`.
//!
//! Both number classes by the sorted names of the folders, so `classes.txt` has the labels in that order. A label becomes
//! the name of a folder by [`names::apart`].

use std::collections::BTreeMap;

use super::{Finished, Item, Layout, Packer, Whereabouts};
use crate::export::Error;
use crate::export::classes::line;
use crate::export::plan::{Names, Naming, Place, Plan};
use crate::io::Folder;
use crate::names;

/// What the pictures are called.
pub(crate) const NAMING: Naming = Naming { names: Names::StemInClass, boxes: false, classified: true };

/// The layout.
#[derive(Debug)]
pub(crate) struct ImageFolder {
    /// The folder of each class.
    folders: Vec<Box<str>>,
}

impl ImageFolder {
    /// Names the folders of the classes of a plan.
    pub(crate) fn new(plan: &Plan) -> ImageFolder {
        ImageFolder { folders: names::apart(plan.classes.names().iter().map(String::as_str), str::to_string) }
    }
}

impl Layout for ImageFolder {
    fn file(&self, place: &Place, extension: &str) -> Option<String> {
        let folder = place.class.map_or("_", |class| &self.folders[class as usize]);
        Some(format!("{}/{folder}/{}.{extension}", place.split.name(), place.name))
    }

    fn packer<'a>(&self, folder: &'a Folder, plan: &'a Plan, _: &arrow_schema::SchemaRef) -> Box<dyn Packer + 'a> {
        let present = plan.counts().into_keys().map(|class| class as usize);
        let sorted: BTreeMap<&str, &String> =
            present.map(|class| (&*self.folders[class], &plan.classes.names()[class])).collect();
        let classes = sorted.values().map(|name| line(name) + "\n").collect();
        Box::new(List { folder, classes })
    }
}

/// The list of classes.
struct List<'a> {
    folder: &'a Folder,
    classes: String,
}

impl Packer for List<'_> {
    fn take(&mut self, _: &Item, _: &[u8], _: &arrow_array::RecordBatch) -> Result<Option<Whereabouts>, Error> {
        Ok(None)
    }

    fn finish(self: Box<Self>) -> Result<Finished, Error> {
        self.folder.write("classes.txt", self.classes.as_bytes())?;
        Ok(Finished::default())
    }
}

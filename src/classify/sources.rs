//! Where the vectors come from that a head is asked about: from columns of the table, or from its pictures.

use arrow_array::RecordBatch;

use super::Options;
use super::judge::{Judge, Source, other_model};
use crate::embed::Embedder;
use crate::failure::Failure;
use crate::head::{Feature, Head};
use crate::index;
use crate::model::{Model, Use, short_id};
use crate::table::Table;
use crate::table::column;

/// The table that is to be classified, and how.
pub(super) struct Wishes<'a> {
    pub table: &'a Table,
    /// Its first rows.
    pub first: Option<&'a RecordBatch>,
    pub options: &'a Options,
}

impl Wishes<'_> {
    /// Whether its rows have pictures.
    pub(super) fn has_images(&self) -> bool {
        self.table.has(column::PATH) || self.table.has(column::IMAGE)
    }

    /// A judge with this head; says where its features come from.
    pub(super) fn judge(&self, head: Head, identity: String) -> Result<Judge, Failure> {
        let mut batch = 1;
        let mut sources = Vec::new();
        for feature in &head.features {
            let model = feature.model.as_deref().map(short_id);
            if self.table.has(&feature.column) {
                let name = feature.column.clone();
                sources.push(Source::Column { name, model: self.agreed(feature, model)? });
                continue;
            }
            if !self.has_images() {
                return Err(column::missing(&self.table.schema, &feature.column, &self.table.name).into());
            }
            let Some(id) = model else {
                let what = format!("the head does not say which model made its column `{}`", feature.column);
                let hint = "embed the images first, then classify the table: pokedex embed INPUT -o embeddings.parquet";
                return Err(Failure::failed(what, Some(hint.into())));
            };
            let model = self.model_of(&id)?;
            batch = batch.max(Embedder::batch_of(&model));
            let most = self.table.rows.map_or(usize::MAX, |rows| usize::try_from(rows).unwrap_or(usize::MAX).max(1));
            let use_ = Use::Bulk { calls: self.options.threads.min(most) };
            let embedder =
                Embedder::new(&model, Embedder::batch_of(&model), use_, self.options.device, self.options.cache)?;
            sources.push(Source::Images(Box::new(embedder)));
        }
        let labels = head.classes.iter().map(|class| class.label.clone()).collect();
        Ok(Judge::Head { head: Box::new(head), labels, identity, sources, batch })
    }

    /// The model whose vectors a feature is compared with: by its name if that is it, else the installed one.
    fn model_of(&self, id: &str) -> Result<Model, Failure> {
        if let Some(name) = self.options.model.as_deref().filter(|name| *name != "unknown") {
            let model = Model::find(name, self.options.engine)?;
            if model.id().to_string() == id {
                return Ok(model);
            }
        }
        Model::of(id).ok_or_else(|| {
            let name = id.split('@').next().unwrap_or(id);
            let hint = format!("is it another version? `pokedex model list`; or name its folder: --model ./{name}");
            Failure::failed(format!("{id}: the model that made the head's vectors is not installed"), Some(hint))
        })
    }

    /// The model that the table's vectors must name, row by row; fails early where the footer tells already that they are
    /// of another one, or where nothing tells and nobody says so.
    fn agreed(&self, feature: &Feature, model: Option<String>) -> Result<Option<String>, Failure> {
        let Some(model) = model else { return Ok(None) };
        let name = self.table.name.clone();
        let footer = self.table.provenance.get(&column::footer_key(&feature.column, "model"));
        let in_rows = self.table.has(&column::model_column(&feature.column));
        match footer.filter(|id| *id != "unknown").map(short_id) {
            Some(found) if found != model && !in_rows => Err(other_model(&name, found, model)),
            None if !in_rows && self.options.model.is_none() => Err(index::Error::NoModel { name }.into()),
            _ if !in_rows => Ok(None),
            _ => Ok(Some(model)),
        }
    }

    /// The model that made the table's vectors; the built-in one where it has none.
    pub(super) fn model_of_table(&self) -> Result<Model, Failure> {
        if !self.table.has(&self.options.column) {
            return Ok(Model::builtin());
        }
        let name = column::model_column(&self.options.column);
        let rows = self.first.map(|first| column::text(first, &name)).transpose()?.flatten();
        let row = rows.as_ref().and_then(|models| models.iter().flatten().next().map(str::to_string));
        let footer = self.table.provenance.get(&column::footer_key(&self.options.column, "model")).map(short_id);
        match row.or(footer).filter(|id| id != "unknown") {
            Some(id) => self.model_of(&id),
            None => Err(index::Error::NoModel { name: self.table.name.clone() }.into()),
        }
    }
}

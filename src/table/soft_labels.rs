//! The column `soft_labels`: what a picture shows of several classes, and how much of each.

use std::sync::Arc;

use arrow_array::builder::{Float32Builder, Int32Builder, ListBuilder, StringBuilder, StructBuilder};
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, Float32Array, Int32Array, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Fields};

use super::structs::Structs;
use super::{Error, column};

/// A class, and its share of a picture.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct SoftLabel {
    /// Name of the class, where it has one.
    pub label: Option<String>,
    /// Its number, where it has one.
    pub id: Option<i32>,
    /// Its share, from 0 to 1; those of a picture add up to 1.
    pub weight: f32,
}

/// The field `soft_labels`: `list<struct<label, id, weight>>`.
pub fn field() -> Field {
    let item = Field::new("item", DataType::Struct(fields()), true);
    column::field(column::SOFT_LABELS, DataType::List(Arc::new(item)))
}

fn fields() -> Fields {
    [("label", DataType::Utf8), ("id", DataType::Int32), ("weight", DataType::Float32)]
        .map(|(name, of)| column::field(name, of))
        .into_iter()
        .collect()
}

/// A column of soft labels; `None` is null: the picture is of one class, that of `label`.
pub fn array<'a>(rows: impl IntoIterator<Item = Option<&'a [SoftLabel]>>) -> ArrayRef {
    let item = Field::new("item", DataType::Struct(fields()), true);
    let mut list = ListBuilder::new(StructBuilder::from_fields(fields(), 0)).with_field(item);
    for row in rows {
        for soft in row.unwrap_or_default() {
            let values = list.values();
            values.field_builder::<StringBuilder>(0).expect("a text").append_option(soft.label.as_deref());
            values.field_builder::<Int32Builder>(1).expect("a number").append_option(soft.id);
            values.field_builder::<Float32Builder>(2).expect("a float").append_value(soft.weight);
            values.append(true);
        }
        list.append(row.is_some());
    }
    Arc::new(list.finish())
}

/// The soft labels of a batch.
#[derive(Debug)]
pub struct SoftLabels {
    list: Structs,
    labels: Option<StringArray>,
    ids: Option<Int32Array>,
    weights: Float32Array,
}

impl SoftLabels {
    /// The column `soft_labels`, or `None` where the batch has none.
    ///
    /// # Errors
    /// It is no list of structs with a number `weight` and a `label` or an `id`.
    pub fn of(batch: &RecordBatch) -> Result<Option<SoftLabels>, Error> {
        const EXPECTED: &str = "a list of structs with weight, and label or id";
        let Some(list) = Structs::of(batch, column::SOFT_LABELS, EXPECTED)? else { return Ok(None) };
        let labels: Option<StringArray> = list.part("label", &DataType::Utf8)?.map(|c| c.as_string().clone());
        let ids: Option<Int32Array> = list.part("id", &DataType::Int32)?.map(|c| c.as_primitive().clone());
        if labels.is_none() && ids.is_none() {
            return Err(list.wrong());
        }
        let weights = list.part("weight", &DataType::Float32)?.ok_or_else(|| list.wrong())?.as_primitive().clone();
        Ok(Some(SoftLabels { list, labels, ids, weights }))
    }

    /// Those of row `i`; `None` where it is of one class. A missing weight is NaN.
    pub fn get(&self, i: usize) -> Option<Vec<SoftLabel>> {
        let soft = |at: usize| SoftLabel {
            label: self.labels.as_ref().filter(|l| l.is_valid(at)).map(|l| l.value(at).to_string()),
            id: self.ids.as_ref().filter(|ids| ids.is_valid(at)).map(|ids| ids.value(at)),
            weight: if self.weights.is_valid(at) { self.weights.value(at) } else { f32::NAN },
        };
        Some(self.list.row(i)?.map(soft).collect())
    }
}

/// What the rows of a batch show: their soft labels, else the one class of `label` and `id`.
#[derive(Debug)]
pub struct Shows {
    soft: Option<SoftLabels>,
    labels: Option<StringArray>,
    ids: Option<Int32Array>,
}

impl Shows {
    /// Those of a batch, which may have none of the columns.
    ///
    /// # Errors
    /// A column is of another type.
    pub fn of(batch: &RecordBatch) -> Result<Shows, Error> {
        Ok(Shows {
            soft: SoftLabels::of(batch)?,
            labels: column::text(batch, column::LABEL)?,
            ids: column::ints(batch, column::ID)?,
        })
    }

    /// What row `i` shows; nothing where it has no class.
    pub fn get(&self, i: usize) -> Vec<SoftLabel> {
        if let Some(soft) = self.soft.as_ref().and_then(|soft| soft.get(i)) {
            return mixed([(1.0, soft.as_slice())]).unwrap_or_default();
        }
        let label = column::cell(self.labels.as_ref(), i).map(str::to_string);
        let id = self.ids.as_ref().filter(|ids| ids.is_valid(i)).map(|ids| ids.value(i));
        let has = label.is_some() || id.is_some();
        has.then_some(SoftLabel { label, id, weight: 1.0 }).into_iter().collect()
    }
}

/// What a mixture shows, from its parts' shares and what each of them shows: each class once, the greatest share first.
/// `None` where a part does not say what it shows, or no share is left.
pub fn mixed<'a>(parts: impl IntoIterator<Item = (f64, &'a [SoftLabel])>) -> Option<Vec<SoftLabel>> {
    let mut all: Vec<(f64, &SoftLabel)> = Vec::new();
    for (share, shown) in parts.into_iter().filter(|(share, _)| *share > 0.0) {
        if shown.is_empty() {
            return None;
        }
        for soft in shown {
            let weight = share * f64::from(soft.weight);
            match all.iter_mut().find(|(_, other)| (&other.label, other.id) == (&soft.label, soft.id)) {
                Some((sum, _)) => *sum += weight,
                None => all.push((weight, soft)),
            }
        }
    }
    let sum: f64 = all.iter().map(|(weight, _)| weight).sum();
    all.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| (&a.1.label, a.1.id).cmp(&(&b.1.label, b.1.id))));
    let soft = all.into_iter().map(|(weight, soft)| SoftLabel { weight: (weight / sum) as f32, ..soft.clone() });
    let soft: Vec<SoftLabel> = soft.collect();
    soft.iter().all(|soft| soft.weight.is_finite()).then_some(soft).filter(|soft| !soft.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_schema::Schema;

    fn soft(label: &str, weight: f32) -> SoftLabel {
        SoftLabel { label: Some(label.into()), id: None, weight }
    }

    #[test]
    fn soft_labels_come_back_as_they_were_written() {
        let rows = [Some(vec![soft("a", 0.75), SoftLabel { id: Some(7), ..soft("b", 0.25) }]), None, Some(vec![])];
        let array = array(rows.iter().map(|row| row.as_deref()));
        let batch = RecordBatch::try_new(Arc::new(Schema::new(vec![field()])), vec![array]).expect("a batch");
        let found = SoftLabels::of(&batch.slice(0, 3)).expect("soft labels").expect("the column");
        assert_eq!([0, 1, 2].map(|i| found.get(i)), rows);
    }

    #[test]
    fn a_mixture_has_each_class_once_and_weights_that_add_up_to_one() {
        let (a, b) = ([soft("a", 1.0)], [soft("b", 0.5), soft("a", 0.5)]);
        assert_eq!(mixed([(0.5, a.as_slice()), (0.5, &b)]), Some(vec![soft("a", 0.75), soft("b", 0.25)]));
        assert_eq!(
            mixed([(3.0, a.as_slice()), (1.0, &[soft("c", 1.0)])]),
            Some(vec![soft("a", 0.75), soft("c", 0.25)])
        );
        assert_eq!(mixed([(1.0, a.as_slice()), (0.0, &[])]), Some(vec![soft("a", 1.0)]));
        assert_eq!(mixed([(0.5, a.as_slice()), (0.5, &[])]), None);
        assert_eq!(mixed([(0.0, a.as_slice())]), None);
    }
}

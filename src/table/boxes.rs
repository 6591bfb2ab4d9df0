//! The column `boxes`: what is where in a picture, as a detector finds it or a person has drawn it.

use std::sync::Arc;

use arrow_array::builder::{Float32Builder, ListBuilder, StringBuilder, StructBuilder, UInt32Builder};
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, Float32Array, RecordBatch, StringArray, UInt32Array};
use arrow_schema::{DataType, Field, Fields};

use super::structs::Structs;
use super::{Error, column};
use crate::image::Placement;

/// One box of a picture.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Bounds {
    /// Name of the class, where it is known.
    pub label: Option<String>,
    /// Number of the class among the classes of whatever made the box.
    pub class: Option<u32>,
    /// How sure its maker is; `None` where a person drew it.
    pub score: Option<f32>,
    /// Left, top, right and bottom, in pixels of the upright picture.
    pub xyxy: [f32; 4],
}

/// The field `boxes`: `list<struct<label, class, score, x1, y1, x2, y2>>`.
pub fn field() -> Field {
    let item = Field::new("item", DataType::Struct(fields()), true);
    column::field(column::BOXES, DataType::List(Arc::new(item)))
}

fn fields() -> Fields {
    let mut fields = vec![
        column::field("label", DataType::Utf8),
        column::field("class", DataType::UInt32),
        column::field("score", DataType::Float32),
    ];
    fields.extend(["x1", "y1", "x2", "y2"].map(|name| column::field(name, DataType::Float32)));
    fields.into()
}

/// Boxes moved along with their picture into a frame and cut off at its edges. Those that are not seen any more are left
/// out.
pub fn moved(boxes: &[Bounds], place: &Placement) -> Vec<Bounds> {
    let in_frame = |bounds: &Bounds| Some(Bounds { xyxy: place.moved(bounds.xyxy)?, ..bounds.clone() });
    boxes.iter().filter_map(in_frame).collect()
}

/// A column of boxes; `None` is null: nobody has looked.
pub fn array<'a>(rows: impl IntoIterator<Item = Option<&'a [Bounds]>>) -> ArrayRef {
    let item = Field::new("item", DataType::Struct(fields()), true);
    let mut list = ListBuilder::new(StructBuilder::from_fields(fields(), 0)).with_field(item);
    for row in rows {
        for bounds in row.unwrap_or_default() {
            let values = list.values();
            values.field_builder::<StringBuilder>(0).expect("a text").append_option(bounds.label.as_deref());
            values.field_builder::<UInt32Builder>(1).expect("a number").append_option(bounds.class);
            let floats = [bounds.score].into_iter().chain(bounds.xyxy.map(Some));
            for (at, x) in (2..).zip(floats) {
                values.field_builder::<Float32Builder>(at).expect("a float").append_option(x);
            }
            values.append(true);
        }
        list.append(row.is_some());
    }
    Arc::new(list.finish())
}

/// The boxes of a batch, by whatever program they were written.
#[derive(Debug)]
pub struct Boxes {
    list: Structs,
    labels: Option<StringArray>,
    classes: Option<UInt32Array>,
    scores: Option<Float32Array>,
    sides: [Float32Array; 4],
}

impl Boxes {
    /// The column `boxes`, or `None` where the batch has none.
    ///
    /// # Errors
    /// It is no list of structs with the numbers `x1`, `y1`, `x2` and `y2`.
    pub fn of(batch: &RecordBatch) -> Result<Option<Boxes>, Error> {
        const EXPECTED: &str = "a list of structs with x1, y1, x2 and y2";
        let Some(list) = Structs::of(batch, column::BOXES, EXPECTED)? else { return Ok(None) };
        let side = |name| -> Result<Float32Array, Error> {
            Ok(list.part(name, &DataType::Float32)?.ok_or_else(|| list.wrong())?.as_primitive().clone())
        };
        Ok(Some(Boxes {
            labels: list.part("label", &DataType::Utf8)?.map(|c| c.as_string().clone()),
            classes: list.part("class", &DataType::UInt32)?.map(|c| c.as_primitive().clone()),
            scores: list.part("score", &DataType::Float32)?.map(|c| c.as_primitive().clone()),
            sides: [side("x1")?, side("y1")?, side("x2")?, side("y2")?],
            list,
        }))
    }

    /// The boxes of row `i`, or `None` where nobody has looked. A missing number is NaN.
    pub fn get(&self, i: usize) -> Option<Vec<Bounds>> {
        let side = |side: &Float32Array, at: usize| if side.is_valid(at) { side.value(at) } else { f32::NAN };
        let bounds = |at: usize| Bounds {
            label: self.labels.as_ref().filter(|l| l.is_valid(at)).map(|l| l.value(at).to_string()),
            class: self.classes.as_ref().filter(|c| c.is_valid(at)).map(|c| c.value(at)),
            score: self.scores.as_ref().filter(|s| s.is_valid(at)).map(|s| s.value(at)),
            xyxy: [0, 1, 2, 3].map(|n| side(&self.sides[n], at)),
        };
        Some(self.list.row(i)?.map(bounds).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_schema::Schema;

    #[test]
    fn boxes_come_back_as_they_were_written() {
        let drawn = Bounds { label: Some("cat".into()), class: None, score: None, xyxy: [1.0, 2.0, 30.5, 40.0] };
        let found = Bounds { label: None, class: Some(7), score: Some(0.5), xyxy: [0.0; 4] };
        let rows = [Some(vec![drawn, found]), None, Some(vec![])];
        let array = array(rows.iter().map(|row| row.as_deref()));
        let schema = Arc::new(Schema::new(vec![field()]));
        let batch = RecordBatch::try_new(schema, vec![array]).expect("a batch").slice(0, 3);
        let boxes = Boxes::of(&batch).expect("boxes").expect("the column");
        assert_eq!([0, 1, 2].map(|i| boxes.get(i)), rows);
        let boxes = Boxes::of(&batch.slice(2, 1)).expect("boxes").expect("the column");
        assert_eq!(boxes.get(0), Some(vec![]));
    }
}

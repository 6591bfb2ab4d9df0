//! The column of lines: what each says, how sure that is, and its four corners.

use std::sync::Arc;

use arrow_array::ArrayRef;
use arrow_array::builder::{Float32Builder, ListBuilder, StringBuilder, StructBuilder};
use arrow_schema::{DataType, Field, Fields};

use crate::model::ocr::Line;
use crate::table::column;

/// The name of the column of the lines' places beside that of the text.
pub fn boxes_column(text: &str) -> String {
    format!("{text}_boxes")
}

/// Its field: `list<struct<text, score, x0, y0, x1, y1, x2, y2, x3, y3>>`.
pub fn boxes_field(name: &str) -> Field {
    column::field(name, DataType::List(Arc::new(item())))
}

fn item() -> Field {
    Field::new("item", DataType::Struct(fields()), true)
}

fn fields() -> Fields {
    let mut fields = vec![column::field("text", DataType::Utf8), column::field("score", DataType::Float32)];
    let corners = ["x0", "y0", "x1", "y1", "x2", "y2", "x3", "y3"];
    fields.extend(corners.map(|name| column::field(name, DataType::Float32)));
    fields.into()
}

/// The lines of rows; `None` is null: nobody has looked.
pub(super) fn array<'a>(rows: impl IntoIterator<Item = Option<&'a [Line]>>) -> ArrayRef {
    let mut list = ListBuilder::new(StructBuilder::from_fields(fields(), 0)).with_field(item());
    for row in rows {
        for line in row.unwrap_or_default() {
            let values = list.values();
            values.field_builder::<StringBuilder>(0).expect("a text").append_value(&line.text);
            let numbers = std::iter::once(line.score).chain(line.corners.into_iter().flatten());
            for (at, x) in (1..).zip(numbers) {
                values.field_builder::<Float32Builder>(at).expect("a number").append_value(x);
            }
            values.append(true);
        }
        list.append(row.is_some());
    }
    Arc::new(list.finish())
}

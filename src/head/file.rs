//! A head's file: a Parquet table with one row a class (or a neighbour), and the rest in its footer.

use std::path::Path;
use std::sync::Arc;

use arrow_array::{
    Array, ArrayRef, FixedSizeListArray, Float32Array, Int32Array, Int64Array, RecordBatch, StringArray,
};
use arrow_schema::{DataType, Schema};

use super::kept::Keeper;
use super::neighbours::NOBODY;
use super::{Class, Doubt, Error, Feature, Head, Method, Scaling};
use crate::io::Sink;
use crate::table::{Provenance, StreamFormat, Table, Writer, column};

/// Version of the layout.
const FORMAT: u32 = 1;
const WEIGHTS: &str = "weights";
const BIAS: &str = "bias";
const ROWS: &str = "rows";
/// More neighbours do not vote.
const MOST_NEIGHBOURS: usize = 1 << 20;
/// Rows that are written at a time.
const BLOCK: usize = 1024;
/// Bytes that are hashed at a time.
const HASHED: usize = 1 << 16;

/// What stands in the footer as `pokedex.head`.
#[derive(serde::Serialize, serde::Deserialize)]
struct Footer {
    format: u32,
    method: Method,
    target: String,
    features: Vec<Feature>,
    doubt: Doubt,
    #[serde(default)]
    neighbours: usize,
    #[serde(default)]
    nearness: f32,
    #[serde(default)]
    scaling: Option<Scaling>,
    /// Of a k-NN head, whose rows are not its classes: label, id, rows.
    #[serde(default)]
    classes: Option<Vec<(String, Option<i32>, u64)>>,
    facts: serde_json::Map<String, serde_json::Value>,
}

/// Whether a table says that it is a head.
pub fn is_head(table: &Table) -> bool {
    table.provenance.get("schema") == Some("head")
}

impl Head {
    /// Writes the head.
    ///
    /// # Errors
    /// The sink fails.
    pub fn write(&self, sink: Sink) -> Result<(), Error> {
        let knn = self.method == Method::Knn;
        let classes = self.classes.iter().map(|class| (class.label.clone(), class.id, class.rows));
        let footer = Footer {
            format: FORMAT,
            method: self.method,
            target: self.target.clone(),
            features: self.features.clone(),
            doubt: self.doubt,
            neighbours: self.neighbours,
            nearness: self.nearness,
            scaling: self.scaling.clone(),
            classes: knn.then(|| classes.collect()),
            facts: self.facts.clone(),
        };
        let mut provenance = Provenance::default();
        provenance.set("schema", "head");
        provenance.set("head", serde_json::to_string(&footer).expect("numbers and texts"));
        let dimension = self.dimension();
        let mut fields = vec![column::field(column::LABEL, DataType::Utf8), column::field(column::ID, DataType::Int32)];
        if !knn {
            fields.push(column::field(ROWS, DataType::Int64));
        }
        if self.method == Method::Linear {
            fields.push(column::field(BIAS, DataType::Float32));
        }
        fields.push(column::vector_field(WEIGHTS, dimension));
        let schema = Arc::new(Schema::new(fields));
        let mut writer = Writer::new(sink, &schema, &provenance, StreamFormat::Parquet)?;
        let mut lines = self.lines();
        for first in (0..).step_by(BLOCK) {
            let block: Vec<(&Class, &[f32])> = lines.by_ref().take(BLOCK).collect();
            if block.is_empty() {
                break;
            }
            let labels = StringArray::from_iter_values(block.iter().map(|(class, _)| &class.label));
            let ids: Int32Array = block.iter().map(|(class, _)| class.id).collect();
            let mut columns: Vec<ArrayRef> = vec![Arc::new(labels), Arc::new(ids)];
            if !knn {
                let counts = block.iter().map(|(class, _)| i64::try_from(class.rows).unwrap_or(i64::MAX));
                columns.push(Arc::new(Int64Array::from_iter_values(counts)));
            }
            if self.method == Method::Linear {
                columns.push(Arc::new(Float32Array::from(self.bias[first..first + block.len()].to_vec())));
            }
            let DataType::FixedSizeList(item, size) = column::vector_type(dimension) else {
                unreachable!("it is a list")
            };
            let numbers: Vec<f32> = block.iter().flat_map(|(_, numbers)| numbers.iter().copied()).collect();
            columns.push(Arc::new(FixedSizeListArray::new(item, size, Arc::new(Float32Array::from(numbers)), None)));
            writer.write(&RecordBatch::try_new(schema.clone(), columns).expect("the columns of the schema above"))?;
        }
        Ok(writer.finish()?)
    }

    /// The rows of the file: whose each is, and its numbers.
    fn lines(&self) -> Box<dyn Iterator<Item = (&Class, &[f32])> + '_> {
        match self.method {
            Method::Knn => Box::new(self.voters().map(|(owner, vector)| (&self.classes[owner as usize], vector))),
            _ => Box::new(self.classes.iter().zip(self.weights.chunks_exact(self.dimension()))),
        }
    }

    /// Reads a head.
    ///
    /// # Errors
    /// The file cannot be read or is no head.
    pub fn read(path: &Path) -> Result<Head, Error> {
        let name = path.display().to_string();
        let fail = |problem: String| Error::NotAHead { name: name.clone(), problem };
        let table = Table::open(path)?;
        let footer = match table.provenance.get("head") {
            Some(footer) if is_head(&table) => footer,
            _ => {
                let schema = table.provenance.get("schema").unwrap_or("table of another program");
                return Err(fail(format!("it is a table ({schema})")));
            }
        };
        let footer: Footer = serde_json::from_str(footer).map_err(|e| fail(e.to_string()))?;
        if footer.format != FORMAT {
            return Err(fail(format!("its layout has the version {}, and {FORMAT} is known", footer.format)));
        }
        let own = footer.classes.unwrap_or_default().into_iter();
        let mut head = Head {
            method: footer.method,
            target: footer.target,
            features: footer.features,
            classes: own.map(|(label, id, rows)| Class { label, id, rows }).collect(),
            scaling: footer.scaling,
            weights: Vec::new(),
            bias: Vec::new(),
            rows: Vec::new(),
            owners: Vec::new(),
            neighbours: footer.neighbours,
            nearness: footer.nearness,
            doubt: footer.doubt,
            facts: footer.facts,
        };
        let knn = head.method == Method::Knn;
        let places: std::collections::HashMap<String, u32> =
            (0..).zip(&head.classes).map(|(place, class)| (class.label.clone(), place)).collect();
        let mut kept = Keeper::default();
        for batch in table {
            let batch = batch?;
            let missing = |column| column::missing(&batch.schema(), column, &name);
            let labels = column::text(&batch, column::LABEL)?.ok_or_else(|| missing(column::LABEL))?;
            let ids = column::ints(&batch, column::ID)?;
            let counts = column::ints(&batch, ROWS).ok().flatten();
            for row in 0..batch.num_rows() {
                let label = labels.value(row).to_string();
                if knn {
                    let place =
                        places.get(&label).ok_or_else(|| fail(format!("class {label} is not among its own")))?;
                    head.owners.push(*place);
                    continue;
                }
                let id = ids.as_ref().filter(|ids| ids.is_valid(row)).map(|ids| ids.value(row));
                let rows = counts.as_ref().map_or(0, |counts| counts.value(row).max(0).cast_unsigned().into());
                head.classes.push(Class { label, id, rows });
            }
            let vectors = column::vectors(&batch, WEIGHTS, &name)?;
            for row in 0..batch.num_rows() {
                let weights = vectors.get(row).ok_or_else(|| fail("a row has no weights".into()))?;
                match knn {
                    true => kept.push(weights)?,
                    false => head.weights.extend_from_slice(weights),
                }
            }
            if head.method == Method::Linear {
                let bias = batch.column_by_name(BIAS).ok_or_else(|| missing(BIAS))?;
                let bias = bias.as_any().downcast_ref::<Float32Array>().ok_or_else(|| missing(BIAS))?;
                head.bias.extend(bias.iter().map(|bias| bias.unwrap_or(f32::NAN)));
            }
        }
        if knn {
            head.rows = vec![kept.finish()?];
        }
        head.check().map_err(fail)?;
        Ok(head)
    }

    /// Whether all its parts fit, so that nothing in the file can make it fail later.
    fn check(&self) -> Result<(), String> {
        let dimension: Option<usize> =
            self.features.iter().try_fold(0usize, |sum, feature| sum.checked_add(feature.dimension));
        let Some(dimension) = dimension.filter(|dimension| *dimension > 0) else {
            return Err("it reads no features".into());
        };
        let rows = if self.method == Method::Knn { self.owners.len() } else { self.classes.len() };
        let scaled = self.scaling.as_ref().is_none_or(|s| s.mean.len() == dimension && s.deviation.len() == dimension);
        let finite = |numbers: &[f32]| numbers.iter().all(|x| x.is_finite());
        let numbers = self.weights.len() + self.rows.iter().map(|block| block.len()).sum::<usize>();
        let sound = finite(&self.weights) && finite(&self.bias) && self.rows.iter().all(|block| finite(block));
        let doubt = self.doubt.temperature > 0.0 && self.doubt.temperature.is_finite();
        let nearness = self.method != Method::Knn || (self.nearness > 0.0 && self.nearness.is_finite());
        match () {
            () if self.classes.is_empty() || rows == 0 => Err("it knows no class".into()),
            () if rows.checked_mul(dimension) != Some(numbers) || !scaled => {
                Err("its weights do not fit its features".into())
            }
            () if self.method == Method::Knn && !(1..=MOST_NEIGHBOURS).contains(&self.neighbours) => {
                Err(format!("{} neighbours cannot vote", self.neighbours))
            }
            () if !sound || !doubt || !nearness => Err("it holds a number that is not finite".into()),
            () => Ok(()),
        }
    }

    /// What tells this head from others: a digest over all that shows in its answers, first 16 hex digits.
    pub fn identity(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        let facts =
            (self.method, &self.target, &self.features, &self.doubt, self.neighbours, self.nearness, &self.scaling);
        hasher.update(&serde_json::to_vec(&facts).expect("numbers and texts"));
        for class in &self.classes {
            hasher.update(&(class.label.len() as u64).to_le_bytes()).update(class.label.as_bytes());
        }
        for owner in self.owners.iter().filter(|owner| **owner != NOBODY) {
            hasher.update(&owner.to_le_bytes());
        }
        // Many at once: a head may hold half a billion.
        let mut bytes = Vec::with_capacity(HASHED);
        let voters = self.voters().flat_map(|(_, vector)| vector);
        for x in self.weights.iter().chain(voters).chain(&self.bias) {
            bytes.extend(x.to_le_bytes());
            if bytes.len() == HASHED {
                hasher.update(&bytes);
                bytes.clear();
            }
        }
        hasher.update(&bytes);
        format!("{}@{}", self.method.name(), &hasher.finalize().to_hex()[..16])
    }
}

//! The driver beside a plain loop, on tables of any shape.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arrow_array::cast::AsArray;
use arrow_array::types::UInt32Type;
use arrow_array::{ArrayRef, RecordBatch, StringArray, UInt32Array};
use arrow_schema::{DataType, Schema, SchemaRef};

use super::*;
use crate::failure::Kind;
use crate::progress::{Progress, Silent};
use crate::table::{Table, column};

/// Adds a column with the square of another; of every seventh row it cannot, and every fifth has a flaw.
struct Square {
    column: &'static str,
    rows: usize,
}

impl Stage for Square {
    const NAME: &'static str = "square";

    fn schema(&self, input: &SchemaRef) -> SchemaRef {
        column::put_field(input, column::field(self.column, DataType::UInt32))
    }

    fn describe(&self, footer: &mut Provenance) {
        footer.set(self.column, "squared");
    }

    fn slice(&self) -> usize {
        self.rows
    }

    fn rows(&self, rows: &RecordBatch, schema: &SchemaRef) -> Result<Done, Failure> {
        let told = |every: u32| {
            let some = numbers(rows).into_iter().filter(|n| n % every == 0);
            some.map(|n| Skipped { key: n.to_string(), problem: format!("is a multiple of {every}") }).collect()
        };
        let squares: UInt32Array = numbers(rows).iter().map(|n| (n % 7 != 0).then(|| n * n)).collect();
        let batch = column::put(rows, schema, &[(self.column, Arc::new(squares) as ArrayRef)]);
        Ok(Done { batch, skipped: told(7), flawed: told(5) })
    }
}

/// Counts what it sees.
#[derive(Default)]
struct Sum(u64);

impl Survey for Sum {
    const NAME: &'static str = "sum";

    fn look(&mut self, rows: &RecordBatch) -> Result<(), Failure> {
        self.0 += numbers(rows).into_iter().map(u64::from).sum::<u64>();
        Ok(())
    }
}

fn numbers(rows: &RecordBatch) -> Vec<u32> {
    rows.column_by_name("n").expect("it has it").as_primitive::<UInt32Type>().values().to_vec()
}

/// Numbers up to a count, in batches of these sizes, by turns.
fn table(count: u32, sizes: &'static [u32]) -> Table {
    let schema = Arc::new(Schema::new(vec![column::key_field(), column::field("n", DataType::UInt32)]));
    let own = schema.clone();
    let mut from = 0;
    let batches = sizes.iter().cycle().map_while(move |size| {
        let numbers = from..count.min(from + size);
        (from < count).then(|| {
            from = numbers.end;
            let keys = StringArray::from_iter_values(numbers.clone().map(|n| n.to_string()));
            let numbers = UInt32Array::from_iter_values(numbers);
            Ok(RecordBatch::try_new(own.clone(), vec![Arc::new(keys), Arc::new(numbers)]).expect("of the schema"))
        })
    });
    Table::new("numbers", schema, Some(u64::from(count)), Box::new(batches))
}

/// Hears what is said, and may have heard enough.
#[derive(Default)]
struct Heard {
    warnings: std::sync::Mutex<Vec<String>>,
    rows: u64,
    asked: AtomicUsize,
    enough: Option<usize>,
}

impl Progress for Heard {
    fn advance(&mut self, rows: u64) {
        self.rows += rows;
    }

    fn warn(&self, message: &str) {
        self.warnings.lock().expect("nobody panicked").push(message.into());
    }

    fn is_cancelled(&self) -> bool {
        self.enough.is_some_and(|enough| self.asked.fetch_add(1, Ordering::Relaxed) >= enough)
    }
}

/// All rows of batches, as one.
fn whole(schema: &SchemaRef, batches: &[RecordBatch]) -> RecordBatch {
    arrow_select::concat::concat_batches(schema, batches).expect("of one schema")
}

#[test]
fn the_driver_does_what_a_plain_loop_does() {
    const SHAPES: [(u32, &[u32]); 5] = [(0, &[1]), (1, &[1]), (100, &[3, 1, 50]), (257, &[64]), (1000, &[999, 1])];
    for (count, sizes) in SHAPES {
        let plain = Square { column: "square", rows: usize::MAX };
        let schema = plain.schema(&table(count, sizes).schema);
        let looped: Vec<Done> =
            table(count, sizes).map(|batch| plain.rows(&batch.expect("sound"), &schema).expect("sound")).collect();
        let wanted = whole(&schema, &looped.iter().map(|done| done.batch.clone()).collect::<Vec<_>>());
        let skipped: Vec<String> =
            looped.iter().flat_map(|done| &done.skipped).map(|row| format!("{}: {}", row.key, row.problem)).collect();
        for (threads, rows) in [(1, 1), (1, 7), (2, 32), (5, 3), (3, 5000)] {
            let (work, stage) = (Work { threads, strict: false }, Arc::new(Square { column: "square", rows }));
            let (mut heard, mut batches) = (Heard::default(), Vec::new());
            let take = |batch| {
                batches.push(batch);
                Ok(())
            };
            let tally = work.run(table(count, sizes), &stage, &mut heard, take).expect("nothing fails");
            assert_eq!(whole(&schema, &batches), wanted, "{count} rows, {threads} threads, {rows} a slice");
            assert_eq!((tally.rows, tally.skipped), (u64::from(count), skipped.len() as u64));
            assert_eq!(heard.rows, u64::from(count));
            let warnings = heard.warnings.into_inner().expect("nobody panicked");
            assert!(skipped.iter().all(|line| warnings.contains(line)), "{warnings:?}");
        }
    }
}

#[test]
fn stages_compose_in_memory_to_what_they_do_one_by_one() {
    let work = Work { threads: 3, strict: false };
    let [one, two] = ["one", "two"].map(|column| Arc::new(Square { column, rows: 9 }));
    let (first, told_first) = work.through(table(500, &[64]), &one).expect("threads");
    let (second, told_second) = work.through(first, &two).expect("threads");
    assert_eq!(second.provenance.get("one").zip(second.provenance.get("two")), Some(("squared", "squared")));
    let schema = second.schema.clone();
    let composed: Vec<RecordBatch> = second.map(|batch| batch.expect("nothing fails")).collect();
    let mut tally = Tally::default();
    told_first.report(&work, &mut tally, &Silent).expect("nothing is strict");
    told_second.report(&work, &mut tally, &Silent).expect("nothing is strict");
    assert_eq!(tally.skipped, 2 * 500_u64.div_ceil(7));

    let mut batches = Vec::new();
    work.run(table(500, &[64]), &one, &mut Silent, |batch| {
        let schema = two.schema(&batch.schema());
        batches.push(two.rows(&batch, &schema)?.batch);
        Ok(())
    })
    .expect("nothing fails");
    assert_eq!(whole(&schema, &composed), whole(&schema, &batches));
}

#[test]
fn a_survey_sees_every_row_and_gives_them_back() {
    let mut sum = Sum::default();
    let table = Work::default().survey(table(321, &[10, 100]), &mut sum, &mut Silent).expect("room in TMPDIR");
    assert_eq!(sum.0, (0..321_u64).sum::<u64>());
    let rows: usize = table.map(|batch| batch.expect("sound").num_rows()).sum();
    assert_eq!(rows, 321);
}

#[test]
fn what_nobody_wants_any_more_is_not_finished() {
    let stage = Arc::new(Square { column: "square", rows: 10 });
    let mut heard = Heard { enough: Some(3), ..Heard::default() };
    let mut taken = 0;
    let take = |_| {
        taken += 1;
        Ok(())
    };
    let failure = Work::default().run(table(10_000, &[100]), &stage, &mut heard, take).expect_err("it was cancelled");
    assert_eq!((failure.kind, taken), (Kind::Cancelled, 3));
}

#[test]
fn the_first_input_that_cannot_be_processed_ends_a_strict_run() {
    let stage = Arc::new(Square { column: "square", rows: 10 });
    let work = Work { threads: 2, strict: true };
    let failure = work.run(table(50, &[50]), &stage, &mut Silent, |_| Ok(())).expect_err("0 is a multiple of 7");
    assert_eq!(failure.to_string(), "0: is a multiple of 7");
}

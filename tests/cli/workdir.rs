//! A folder of its own for each test, pictures to put there, and the binary to run in it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use arrow_array::RecordBatch;
use image::{DynamicImage, ImageFormat, Rgb, RgbImage, Rgba, RgbaImage};

pub struct Workdir {
    folder: tempfile::TempDir,
}

/// What a run left behind.
pub struct Run {
    pub stdout: Vec<u8>,
    pub stderr: String,
    pub code: i32,
}

impl Run {
    pub fn text(&self) -> String {
        String::from_utf8(self.stdout.clone()).expect("the output is text")
    }

    /// The run, if it ended well; what it said, if it did not.
    #[track_caller]
    pub fn ok(self) -> Run {
        assert_eq!(self.code, 0, "{}", self.stderr);
        self
    }

    /// The standard error of a run that had to end with this code.
    #[track_caller]
    pub fn failed(self, code: i32) -> String {
        assert_eq!(self.code, code, "stdout: {}\nstderr: {}", String::from_utf8_lossy(&self.stdout), self.stderr);
        assert!(!self.stderr.contains("panicked"), "{}", self.stderr);
        self.stderr
    }
}

impl From<Output> for Run {
    fn from(output: Output) -> Run {
        Run {
            stdout: output.stdout,
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
            code: output.status.code().unwrap_or(-1),
        }
    }
}

impl Workdir {
    pub fn new() -> Workdir {
        Workdir { folder: tempfile::tempdir().expect("a temporary folder") }
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().expect("below the folder")).expect("writable");
        std::fs::write(path, bytes).expect("writable");
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
    }

    /// Names of the files below a folder, sorted.
    pub fn files(&self, folder: &str) -> Vec<String> {
        fn walk(folder: &Path, prefix: &str, names: &mut Vec<String>) {
            for entry in std::fs::read_dir(folder).expect("readable").flatten() {
                let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
                match entry.path().is_dir() {
                    true => walk(&entry.path(), &format!("{name}/"), names),
                    false => names.push(name),
                }
            }
        }
        let mut names = Vec::new();
        walk(&self.path(folder), "", &mut names);
        names.sort();
        names
    }

    /// A PNG of 40 × 30 pixels whose pattern follows from the number.
    pub fn picture(&self, name: &str, number: u32) {
        self.write(name, png(&pattern(40, 30, number).into()));
    }

    /// `count` different pictures `NAME/000.png`, ….
    pub fn pictures(&self, folder: &str, count: u32) {
        (0..count).for_each(|n| self.picture(&format!("{folder}/{n:03}.png"), n));
    }

    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        let binary = Path::new(env!("CARGO_BIN_EXE_pokedex")).parent().expect("a folder").display().to_string();
        command
            .current_dir(self.folder.path())
            .env_clear()
            .env("PATH", format!("{binary}:/usr/local/bin:/usr/bin:/bin"))
            .env("HOME", self.folder.path())
            .env("POKEDEX_CACHE", self.path(".cache"))
            .env("POKEDEX_MODELS", self.path(".models"))
            .stdin(Stdio::null());
        if let Some(library) = std::env::var_os("ORT_DYLIB_PATH") {
            command.env("ORT_DYLIB_PATH", library);
        }
        command
    }

    /// A copy of a model of `tests/data/models`.
    pub fn model(&self, name: &str, folder: &str) {
        fn copy(from: &Path, to: &Path) {
            std::fs::create_dir_all(to).expect("writable");
            for entry in std::fs::read_dir(from).expect("a fixture").flatten() {
                let target = to.join(entry.file_name());
                match entry.path().is_dir() {
                    true => copy(&entry.path(), &target),
                    false => std::fs::copy(entry.path(), target).map(|_| ()).expect("writable"),
                }
            }
        }
        let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/models");
        copy(&fixtures.join(name), &self.path(folder));
    }

    /// Runs `pokedex` with these arguments, separated by spaces.
    pub fn pokedex(&self, arguments: &str) -> Run {
        self.pokedex_args(&arguments.split_whitespace().collect::<Vec<_>>())
    }

    pub fn pokedex_args(&self, arguments: &[&str]) -> Run {
        self.command(env!("CARGO_BIN_EXE_pokedex")).args(arguments).output().expect("the binary runs").into()
    }

    /// Runs a line of shell, in which `pokedex` is the binary under test.
    pub fn shell(&self, line: &str) -> Run {
        self.command("bash").args(["-c", line]).output().expect("bash runs").into()
    }

    /// A table as one batch.
    pub fn table(&self, name: &str) -> RecordBatch {
        let table = pokedex::table::Table::open(&self.path(name)).unwrap_or_else(|e| panic!("{name}: {e}"));
        let schema = table.schema.clone();
        let batches: Vec<RecordBatch> = table.map(|b| b.expect("readable")).collect();
        arrow_select::concat::concat_batches(&schema, &batches).expect("one schema")
    }

    /// A text column of a table; nulls are `None`.
    pub fn texts(&self, name: &str, column: &str) -> Vec<Option<String>> {
        let batch = self.table(name);
        let column =
            pokedex::table::text(&batch, column).expect("text").unwrap_or_else(|| panic!("no column {column}"));
        column.iter().map(|t| t.map(str::to_string)).collect()
    }

    pub fn keys(&self, name: &str) -> Vec<String> {
        self.texts(name, "key").into_iter().flatten().collect()
    }

    /// Writes a batch as a Parquet file, as another program would: no metadata of ours.
    pub fn foreign(&self, name: &str, batch: &RecordBatch) {
        let file = std::fs::File::create(self.path(name)).expect("writable");
        let mut writer = parquet::arrow::ArrowWriter::try_new(file, batch.schema(), None).expect("a schema");
        writer.write(batch).expect("writable");
        writer.close().expect("writable");
    }

    /// A second model, which differs from the built-in one in its name.
    pub fn other_model(&self, folder: &str) {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let assets = root.join("assets/model");
        for file in [root.join("crates/eye/image.safetensors"), assets.join("text.rten"), assets.join("vocab.txt")] {
            let name = file.file_name().unwrap_or_default().to_string_lossy();
            self.write(&format!("{folder}/{name}"), std::fs::read(&file).expect("an asset"));
        }
        let config = std::fs::read_to_string(assets.join("model.json")).expect("an asset");
        self.write(&format!("{folder}/model.json"), config.replace("pokedex-mini", "other"));
    }
}

/// A picture that differs for every number.
pub fn pattern(width: u32, height: u32, number: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        let value = |a: u32, b: u32| ((x * a + y * b + number * 37) % 256) as u8;
        Rgb([value(3, 5 + number % 7), value(7, 2), value(1 + number % 5, 11)])
    })
}

/// Red on the left, half transparent in the middle, nothing on the right.
pub fn translucent() -> DynamicImage {
    let alpha = [255, 128, 0];
    RgbaImage::from_fn(3, 1, |x, _| Rgba([255, 0, 0, alpha[x as usize]])).into()
}

pub fn png(image: &DynamicImage) -> Vec<u8> {
    encode(image, ImageFormat::Png)
}

pub fn encode(image: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    image.write_to(&mut bytes, format).expect("encodable");
    bytes.into_inner()
}

/// Pixels of an image in memory.
pub fn pixels(bytes: &[u8]) -> RgbImage {
    image::load_from_memory(bytes).expect("an image").into_rgb8()
}

/// A JPEG with EXIF: when it was taken, and at how many degrees north and east.
pub fn jpeg_with_exif(picture: image::RgbImage, taken: &str, degrees: (u32, u32)) -> Vec<u8> {
    let mut plain = std::io::Cursor::new(Vec::new());
    image::DynamicImage::from(picture).write_to(&mut plain, image::ImageFormat::Jpeg).expect("encodable");
    let plain = plain.into_inner();
    let long = |n: u32| n.to_be_bytes().to_vec();
    let field = |tag: u16, kind: u16, count: u32, value: Vec<u8>| {
        [&tag.to_be_bytes()[..], &kind.to_be_bytes(), &long(count), &value].concat()
    };
    let whole = |n: u32| [long(n), long(1), long(0), long(1), long(0), long(1)].concat();
    // The first directory at 8, that of the camera at 38, that of GPS at 56; then what does not fit into them.
    let tiff = [
        b"MM\0\x2a\0\0\0\x08\0\x02".to_vec(),
        field(0x8769, 4, 1, long(38)),
        field(0x8825, 4, 1, long(56)),
        long(0),
        vec![0, 1],
        field(0x9003, 2, 20, long(86)),
        long(0),
        vec![0, 2],
        field(2, 5, 3, long(106)),
        field(4, 5, 3, long(130)),
        long(0),
        format!("{taken}\0").into_bytes(),
        whole(degrees.0),
        whole(degrees.1),
    ]
    .concat();
    let length = (tiff.len() as u16 + 8).to_be_bytes();
    [&plain[..2], b"\xff\xe1", &length, b"Exif\0\0", &tiff, &plain[2..]].concat()
}

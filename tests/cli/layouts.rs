//! Folders that somebody else laid out as data sets, read by every stage with their classes, splits and boxes.

use pokedex::table::boxes::{Bounds, Boxes};

use crate::workdir::{Workdir, encode, pattern, png};

fn picture(number: u32) -> Vec<u8> {
    png(&pattern(40, 30, number).into())
}

/// The boxes of every row of a table.
fn boxes(dir: &Workdir, table: &str) -> Vec<Option<Vec<Bounds>>> {
    let batch = dir.table(table);
    let boxes = Boxes::of(&batch).expect("boxes").expect("the column");
    (0..batch.num_rows()).map(|i| boxes.get(i)).collect()
}

fn texts(dir: &Workdir, table: &str, column: &str) -> Vec<String> {
    dir.texts(table, column).into_iter().map(|text| text.unwrap_or_else(|| "-".into())).collect()
}

/// Every picture is one row, however its folder and the files in it spell where it is.
#[test]
fn pictures_are_there_once_however_their_places_are_spelled() {
    let dir = Workdir::new();
    for (number, side) in [(0, "train"), (1, "val")] {
        dir.write(&format!("ds/images/{side}/{number}.png"), picture(number));
        dir.write(&format!("ds/labels/{side}/{number}.txt"), "0 0.5 0.5 0.5 0.5\n");
    }
    dir.shell("ln -s ds linked").ok();
    let here = dir.path("ds").display().to_string();
    let plain = "train: images/train\nval: images/val\n";
    dir.write("ds/train.txt", format!("{here}/images/train/0.png\n"));
    for yaml in [
        plain.to_string(),
        format!("path: ds\n{plain}"),
        format!("path: ../ds\n{plain}"),
        format!("path: {here}\n{plain}"),
        format!("train: {here}/train.txt\nval: {here}/images/val\n"),
        "train: train.txt\nval: images/train/../val\n".to_string(),
    ] {
        dir.write("ds/data.yaml", format!("{yaml}names: [x]\n"));
        for folder in ["ds", "./ds", "ds/", "linked", &here, "ds/data.yaml"] {
            dir.pokedex(&format!("scan {folder} -o t.parquet")).ok();
            assert_eq!(texts(&dir, "t.parquet", "label"), ["x", "x"], "{folder}, {yaml}");
            assert_eq!(texts(&dir, "t.parquet", "split"), ["train", "validation"], "{folder}, {yaml}");
        }
    }
    dir.write("ds/data.yaml", "train: ..\nval: images/val\nnames: [x]\n");
    let found = dir.pokedex("check ds").text();
    assert!(found.contains("holds the data set's own folder, and is not read"), "{found}");
    let coco = |file: &str| {
        serde_json::json!({
            "images": [{"id": 1, "file_name": file, "width": 40, "height": 30}],
            "annotations": [
                {"id": 1, "image_id": 1, "category_id": 1, "bbox": [0, 0, 9, 9], "iscrowd": 0, "segmentation": [[0, 0, 9, 0, 9, 9]]},
                {"id": 2, "image_id": 1, "category_id": 2, "bbox": [5, 5, 9, 9], "iscrowd": 1},
            ],
            "categories": [{"id": 1, "name": "x"}, {"id": 2, "name": "crowd"}],
        })
    };
    dir.write("coco/images/0.png", picture(0));
    let absolute = dir.path("coco/images/0.png").display().to_string();
    for file in ["0.png", "../images/0.png", &absolute] {
        // As Python writes a number that is none.
        let json = coco(file).to_string().replacen('{', "{\"score\": NaN, ", 1);
        dir.write("coco/annotations/instances_train.json", json);
        for folder in ["coco", "./coco"] {
            let said = dir.pokedex(&format!("scan {folder} -o t.parquet")).ok().stderr;
            assert_eq!(texts(&dir, "t.parquet", "label"), ["x"], "{folder}, {file}");
            assert!(said.contains("1 annotations are of crowds"), "{said}");
            assert!(said.contains("1 labels are outlined by polygons: their boxes are read"), "{said}");
        }
    }
}

#[test]
fn what_a_listing_passes_over_is_named() {
    let dir = Workdir::new();
    for folder in ["fire", "water"] {
        dir.pictures(&format!("there/{folder}"), 2);
    }
    dir.shell(
        "mkdir set && cp -r there/fire set/ && ln -s ../there/water set/water && echo file_name > set/metadata.csv",
    )
    .ok();
    let said = dir.pokedex("scan set -o t.parquet").ok().stderr;
    assert!(said.contains("1 link to a folder (water; named itself, such a folder is read) passed over"), "{said}");
    assert!(
        said.contains("set/metadata.csv: what `datasets` knows") && said.contains("--meta set/metadata.csv"),
        "{said}"
    );
    // An archive that ends with its last member lacks what says that it is whole.
    dir.shell("cd there/fire && cp 000.png a.png && echo 1 > a.cls && tar cf ../../s-000.tar a.png a.cls && rm a.*")
        .ok();
    dir.shell("mkdir shards cut && mv s-000.tar shards/").ok();
    assert!(!dir.pokedex("check shards").text().contains("cut short"));
    let whole = dir.read("shards/s-000.tar");
    let end = whole.iter().rposition(|&byte| byte != 0).expect("a member").next_multiple_of(512);
    dir.write("cut/s-000.tar", &whole[..end]);
    let found = dir.pokedex("check cut").text();
    assert!(found.contains("cut short: its end mark is missing"), "{found}");
}

#[test]
fn yolo_folders_are_read_with_classes_splits_and_boxes() {
    for (set, yaml, train, val) in [
        ("usual", "train: images/train\nval: images/val\n", "images/train", "images/val"),
        ("roboflow", "train: ../train/images\nval: ../valid/images\n", "train/images", "valid/images"),
        ("list", "train: train.txt\nval: images/val\n", "images/train", "images/val"),
    ] {
        let dir = Workdir::new();
        let labels = |images: &str| images.replace("images", "labels");
        for (number, folder) in [(0, train), (1, train), (2, val)] {
            dir.write(&format!("{set}/{folder}/{number}.png"), picture(number));
        }
        dir.write(&format!("{set}/{}/0.txt", labels(train)), "1 0.5 0.5 0.5 0.5\n");
        dir.write(&format!("{set}/{}/1.txt", labels(train)), "0 0.25 0.5 0.5 1\n1 0 0 1 0 1 0.5\n");
        dir.write(&format!("{set}/{}/2.txt", labels(val)), "");
        dir.write(&format!("{set}/train.txt"), "./images/train/0.png\n./images/train/1.png\n");
        dir.write(&format!("{set}/data.yaml"), format!("{yaml}names: [cat, dog]\n"));
        dir.write(&format!("{set}/more/3.png"), picture(3));
        dir.pokedex(&format!("scan {set} -o t.parquet")).ok();
        let keys = dir.keys("t.parquet");
        assert!(keys.is_sorted() && keys.len() == 4, "{keys:?}");
        let of = |column: &str| {
            let cells = texts(&dir, "t.parquet", column);
            let mut pairs: Vec<(String, String)> =
                keys.iter().map(|key| key.rsplit('/').next().expect("a name").to_string()).zip(cells).collect();
            pairs.sort();
            pairs.into_iter().map(|(_, cell)| cell).collect::<Vec<_>>()
        };
        assert_eq!(of("label"), ["dog", "-", "-", "-"], "{set}");
        assert_eq!(of("split"), ["train", "train", "validation", "-"], "{set}");
        let found = boxes(&dir, "t.parquet");
        let at = |name: &str| keys.iter().position(|key| key.ends_with(name)).expect("a row");
        let both = found[at("1.png")].clone().expect("boxes");
        let named: Vec<(Option<&str>, [f32; 4])> = both.iter().map(|b| (b.label.as_deref(), b.xyxy)).collect();
        assert_eq!(
            named,
            [(Some("cat"), [0.0, 0.0, 20.0, 30.0]), (Some("dog"), [0.0, 0.0, 40.0, 15.0])],
            "{set}: a polygon is the box around it"
        );
        assert_eq!((&found[at("2.png")], &found[at("3.png")]), (&Some(vec![]), &None), "{set}");
    }
}

#[test]
fn a_yolo_folder_goes_through_the_stages_and_comes_out_the_same() {
    let dir = Workdir::new();
    for (split, number) in [("train", 0), ("train", 1), ("val", 2)] {
        dir.write(&format!("set/images/{split}/{number}.png"), picture(number));
        dir.write(&format!("set/labels/{split}/{number}.txt"), format!("{} 0.5 0.5 0.5 0.5\n", number % 2));
    }
    dir.write("set/data.yaml", "train: images/train\nval: images/val\nnames: [cat, dog]\n");
    dir.pokedex("export set --format yolo --size 40x30 -o out/").ok();
    let labels: Vec<String> = dir.files("out/labels").into_iter().collect();
    assert_eq!(labels.len(), 3, "{labels:?}");
    for label in labels {
        let text = String::from_utf8(dir.read(&format!("out/labels/{label}"))).expect("text");
        assert!(text.ends_with(" 0.5 0.5 0.5 0.5\n"), "{text}");
    }
    assert_eq!(dir.read("out/classes.txt"), b"cat\ndog\n");
}

#[test]
fn boxes_move_along_with_pictures_that_convert_rgb_scales() {
    let dir = Workdir::new();
    dir.write("set/images/train/0.png", picture(0));
    dir.write("set/labels/train/0.txt", "0 0.5 0.5 0.5 0.5\n");
    dir.write("set/data.yaml", "train: images/train\nval: images/train\nnames: [cat]\n");
    for (size, expected) in [
        ("", [10.0, 7.5, 30.0, 22.5]),
        ("--size 80x60", [20.0, 15.0, 60.0, 45.0]),
        ("--size 40x40", [10.0, 12.5, 30.0, 27.5]),
    ] {
        dir.pokedex(&format!("convert-rgb set {size} -o t.parquet")).ok();
        assert_eq!(boxes(&dir, "t.parquet")[0].as_ref().expect("boxes")[0].xyxy, expected, "{size}");
    }
}

#[test]
fn faults_of_a_folder_are_said_once() {
    let dir = Workdir::new();
    for (split, number) in [("train", 0), ("val", 1)] {
        dir.write(&format!("set/images/{split}/{number}.png"), picture(number));
        dir.write(&format!("set/labels/{split}/{number}.txt"), "0 0.5 0.5 0.5\n0 0.5 0.5 0.5 0.5\n");
    }
    dir.write("set/data.yaml", "train: images/train\nval: images/val\nnames: [cat]\n");
    let said = dir.pokedex("scan set -o t.parquet").ok().stderr;
    assert!(said.contains("labels/train/0.txt: line 1: ") && said.contains(" and 1 fault more"), "{said}");
    assert!(said.contains("hint: pokedex check set "), "{said}");
    assert_eq!(texts(&dir, "t.parquet", "label"), ["cat", "cat"], "what can be read is");
}

#[test]
fn an_imagefolder_has_the_classes_and_splits_of_its_folders() {
    let dir = Workdir::new();
    for (number, name) in ["Train/cat/0", "Train/dog/deep/1", "dev/cat/2", "eval/dog/3"].iter().enumerate() {
        dir.write(&format!("set/{name}.png"), picture(number as u32));
    }
    dir.pokedex("scan set -o t.parquet").ok();
    assert_eq!(texts(&dir, "t.parquet", "label"), ["cat", "dog", "cat", "dog"]);
    assert_eq!(texts(&dir, "t.parquet", "split"), ["train", "train", "validation", "test"]);
    // Numbers in the names of folders are those of species, as in any folder.
    for (number, name) in ["train/0025_x/0", "train/0001/1", "test/0025_x/2"].iter().enumerate() {
        dir.write(&format!("dex/{name}.png"), picture(number as u32));
    }
    dir.pokedex("scan dex -o d.parquet").ok();
    assert_eq!(texts(&dir, "d.parquet", "label"), ["Pikachu", "Bulbasaur", "Pikachu"]);
}

#[test]
fn annotations_of_coco_are_read() {
    let dir = Workdir::new();
    dir.write("set/images/val2017/0.png", picture(0));
    dir.write("set/images/val2017/1.png", picture(1));
    dir.write(
        "set/annotations/instances_val2017.json",
        r#"{"images":[{"id":1.0,"file_name":"0.png","width":40,"height":30},{"id":"b","file_name":"1.png"}],
        "annotations":[{"id":1,"image_id":1,"category_id":7,"bbox":[1,2,3.5,4],"iscrowd":0},
                       {"id":2,"image_id":"b","category_id":7,"segmentation":[[1,1,9,1,9,8]]},
                       {"id":3,"image_id":"b","category_id":9,"bbox":[0,0,400,10],"segmentation":{"counts":"x","size":[1,1]}}],
        "categories":[{"id":7,"name":"cat"},{"id":9,"name":"dog"}]}"#,
    );
    dir.pokedex("scan set -o t.parquet").ok();
    assert_eq!(texts(&dir, "t.parquet", "label"), ["cat", "-"]);
    assert_eq!(texts(&dir, "t.parquet", "split"), ["validation"; 2]);
    let boxes = boxes(&dir, "t.parquet");
    assert_eq!(boxes[0].as_ref().expect("boxes")[0].xyxy, [1.0, 2.0, 4.5, 6.0]);
    assert_eq!(boxes[1].as_ref().expect("boxes")[0].xyxy, [1.0, 1.0, 9.0, 8.0]);
    assert_eq!(boxes[1].as_ref().expect("boxes").len(), 2);
}

#[test]
fn shards_are_read_where_a_folder_has_nothing_else() {
    let dir = Workdir::new();
    let mut tar = tar::Builder::new(Vec::new());
    let members = [("a.png", picture(0)), ("a.cls", b"3".to_vec()), ("._b.png", vec![0]), ("b.jpg", jpeg(1))];
    for (name, bytes) in members {
        let mut header = tar::Header::new_ustar();
        header.set_size(bytes.len() as u64);
        tar.append_data(&mut header, name, bytes.as_slice()).expect("writable");
    }
    let tar = tar.into_inner().expect("written");
    dir.write("set/valid-000.tar", &tar);
    dir.pokedex("scan set -o t.parquet").ok();
    assert_eq!(dir.keys("t.parquet"), ["valid-000.tar/a", "valid-000.tar/b"]);
    assert_eq!(texts(&dir, "t.parquet", "label"), ["3", "-"]);
    assert_eq!(texts(&dir, "t.parquet", "split"), ["validation"; 2]);
    dir.write("mixed/backup.tar", &tar);
    dir.picture("mixed/holiday.png", 1);
    dir.pokedex("scan mixed -o m.parquet").ok();
    assert_eq!(dir.keys("m.parquet"), ["holiday.png"]);
}

fn jpeg(number: u32) -> Vec<u8> {
    encode(&pattern(40, 30, number).into(), image::ImageFormat::Jpeg)
}

#[test]
fn one_rule_says_what_a_split_is_called() {
    let dir = Workdir::new();
    dir.pictures("pics", 6);
    dir.write(
        "m.csv",
        "key,split,label\n000.png,Training,a\n001.png,train,b\n002.png,VAL,a\n003.png,dev,b\n004.png,eval,a\n005.png,Testing,b\n",
    );
    dir.pokedex("scan pics --meta m.csv --on key -o t.parquet").ok();
    let splits = ["train", "train", "validation", "validation", "test", "test"];
    assert_eq!(texts(&dir, "t.parquet", "split"), splits);
    let predictions = "key,split,label,prediction_1\na,Valid,x,x\nb,val,x,y\nc,test,x,x\n";
    dir.write("p.csv", predictions);
    let rows = dir.pokedex("evaluate p.csv --split dev --format json --bootstrap 0").ok().text();
    assert!(rows.contains("\"rows\": 2") || rows.contains("\"rows\":2"), "{rows}");
}

#[test]
fn a_layout_whose_pictures_are_not_there_is_said_and_its_folder_read_all_the_same() {
    let dir = Workdir::new();
    dir.pictures("set/pics", 2);
    dir.write("set/data.yaml", "train: images/train\nval: images/val\nnames: [cat]\n");
    let said = dir.pokedex("scan set -o t.parquet").ok().stderr;
    assert!(said.contains("images/train: the folder of pictures is not there and 1 fault more"), "{said}");
    assert_eq!(dir.keys("t.parquet"), ["pics/000.png", "pics/001.png"]);
}

#[test]
fn tables_of_the_hub_are_read_with_the_splits_of_their_names() {
    let dir = Workdir::new();
    dir.pictures("a", 3);
    dir.pictures("b", 2);
    for (folder, split) in [("a", "train"), ("b", "test")] {
        dir.pokedex(&format!("convert-rgb {folder} -o {split}.parquet")).ok();
        let table = dir.table(&format!("{split}.parquet"));
        std::fs::create_dir_all(dir.path("hub/data")).expect("writable");
        let image = [("image", table["image"].clone())];
        let name = format!("hub/data/{split}-00000-of-00001.parquet");
        dir.foreign(&name, &arrow_array::RecordBatch::try_from_iter(image).expect("a batch"));
    }
    dir.pokedex("scan hub -o t.parquet").ok();
    assert_eq!(texts(&dir, "t.parquet", "split"), ["test", "test", "train", "train", "train"]);
    assert!(dir.keys("t.parquet")[4].starts_with("data/train-00000-of-00001.parquet/"));
}

//! Data sets in the layouts of training tools, held against what those tools read.
use super::*;

/// A YOLO data set of four pictures, made by hand.
fn yolo(dir: &Workdir) {
    for (split, number, label) in [("train", 0, "0"), ("train", 1, "1"), ("val", 2, "0"), ("val", 3, "1")] {
        dir.write(&format!("yolo/images/{split}/{number}.png"), png(&scene(number)));
        dir.write(&format!("yolo/labels/{split}/{number}.txt"), format!("{label} 0.5 0.5 1.0 1.0\n"));
    }
    dir.write("yolo/data.yaml", "path: .\ntrain: images/train\nval: images/val\nnc: 2\nnames:\n  0: cat\n  1: dog\n");
    dir.write("yolo/classes.txt", "cat\ndog\n");
}

#[test]
fn a_sound_yolo_folder_has_nothing_wrong() {
    let dir = Workdir::new();
    yolo(&dir);
    let run = dir.pokedex("check yolo").ok();
    assert!(run.text().contains("data set      yolo (yolo), 4 rows\n"), "{}", run.text());
    assert!(run.text().ends_with("\nnothing is wrong\n"), "{}", run.text());
    let (_, report) = report(&dir, "yolo/");
    assert_eq!(report["summary"]["splits"]["validation"], 2);
    assert_eq!(report["summary"]["classes"][0]["label"], "cat");
}

#[test]
fn every_fault_of_a_yolo_folder_is_found() {
    let dir = Workdir::new();
    yolo(&dir);
    dir.write("yolo/labels/train/0.txt", "0 0.5 0.5 1.2 1.0\n0 0.9 0.5 0.5 0.5\n7 0.5 0.5 1 1\nx 1\n0 0.5 0.5 0.5\n");
    dir.write("yolo/labels/train/1.txt", "1 0.5 0.5 1 1\n1 0.5 0.5 1 1\n");
    std::fs::remove_file(dir.path("yolo/labels/val/2.txt")).expect("there");
    dir.write("yolo/labels/val/nobody.txt", "0 0.5 0.5 1 1\n");
    dir.write("yolo/data.yaml", "train: images/train\nval: images/val\ntest: images/test\nnc: 3\nnames: [cat, dog]\n");
    dir.write("yolo/classes.txt", "dog\ncat\n");
    let (code, report) = report(&dir, "yolo");
    assert_eq!(code, 4);
    let expected = [
        ("layout", 3),
        ("label-missing", 1),
        ("label-orphan", 1),
        ("label-syntax", 2),
        ("label-range", 1),
        ("label-beyond", 1),
        ("label-class", 1),
        ("label-repeated", 1),
    ];
    for (rule, times) in expected {
        assert_eq!(count(&report, rule), times, "{rule}: {report:#}");
    }
}

/// The rules that the YOLO data set breaks when one of its files says something else, and the exit code.
#[track_caller]
fn yolo_with(file: &str, bytes: impl AsRef<[u8]>) -> (i32, Vec<String>) {
    let dir = Workdir::new();
    yolo(&dir);
    dir.write(&format!("yolo/{file}"), bytes);
    // A picture more, so that no class is without one whatever its labels say.
    if file == "labels/train/4.txt" {
        dir.write("yolo/images/train/4.png", png(&scene(4)));
    }
    if file == "data.yaml" {
        std::fs::remove_file(dir.path("yolo/classes.txt")).expect("there");
    }
    let (code, report) = report(&dir, "yolo");
    (code, rules(&report))
}

#[test]
fn what_ultralytics_takes_in_a_label_file_is_sound() {
    for text in [
        "",
        "0.000000 0.500000 0.500000 0.500000 0.500000\n",
        "0 0.6667 0.5 0.6667 1.0\n",
        "0 0.33 0.5 0.67 1\n",
        "0 0.5 0.5 1.0000001 1.0\n",
        "0 0.1 0.1 0.9 0.1 0.9 0.9 0.1 0.9\n1 0.1 0.1 0.9 0.1 0.9 0.9\n",
    ] {
        assert_eq!(yolo_with("labels/train/4.txt", text), (0, vec![]), "{text:?}");
    }
}

#[test]
fn what_ultralytics_leaves_a_picture_out_for_is_an_error_and_the_rest_a_warning() {
    for (text, code, rule) in [
        ("0 0.5 0.5 0.5 0.5\n1 0.1 0.1 0.9 0.1 0.9 0.9\n", 4, "label-syntax"),
        ("0 0.5 0.5 0.5\n", 4, "label-syntax"),
        ("0 0.5 0.5 0.5 0.5 0.9\n", 4, "label-syntax"),
        ("0 -0.2 0.5 0.1 0.1\n", 4, "label-range"),
        ("9 0.5 0.5 0.1 0.1\n", 4, "label-class"),
        ("\u{feff}0 0.5 0.5 0.5 0.5\n", 0, "misread"),
        ("0 0.5 0.5 0.5 0.5\n0.0 0.50 .5 0.500 0.5\n", 0, "label-repeated"),
        ("0 0.9 0.5 0.4 0.5\n", 0, "label-beyond"),
    ] {
        assert_eq!(yolo_with("labels/train/4.txt", text), (code, vec![rule.to_string()]), "{text:?}");
    }
    assert_eq!(yolo_with("labels/train/4.txt", b"\xff\xfe0\0").1, ["label-syntax"]);
}

#[test]
fn data_yaml_is_read_as_pyyaml_and_ultralytics_read_it() {
    let lists = "train: images/train\nval: images/val\n";
    for names in ["names: {'0': cat, '1': dog}", "nc: 2", "names:\n- cat\n- dog\nnc: '2'", "names: {1: dog, 0: cat}"] {
        assert_eq!(yolo_with("data.yaml", format!("{lists}{names}\n")), (0, vec![]), "{names}");
    }
    let more = "path: .\ntrain: [images/train]\nval: ../images/val\ntest:\nnames: [cat, dog]\n";
    assert_eq!(yolo_with("data.yaml", more), (0, vec![]));
    for (yaml, code, rule) in [
        ("names: [no, yes]", 0, "misread"),
        ("names: [~, 0x1F]", 0, "misread"),
        ("names: [cat, dog]\npath: /data/of/another/machine", 0, "misread"),
        ("names: [cat, dog]\nnc: 2\nnc: 2", 0, "misread"),
        ("names: {0: cat, 2: dog}", 4, "layout"),
        ("names: {a: cat, b: dog}", 4, "layout"),
        ("names:\t[cat, dog]", 4, "layout"),
        ("names: [cat, dog]\nnc: 3", 4, "layout"),
        ("names: [cat, dog]\nkpt_shape: 17", 4, "layout"),
    ] {
        let (found, rules) = yolo_with("data.yaml", format!("{lists}{yaml}\n"));
        assert!((found, rules.contains(&rule.to_string())) == (code, true), "{yaml}: {found} {rules:?}");
    }
    let wide: Vec<u8> = format!("{lists}names: [cat, dog]\n").encode_utf16().flat_map(u16::to_le_bytes).collect();
    let wide = [&[0xff, 0xfe][..], &wide].concat();
    assert_eq!(yolo_with("data.yaml", wide), (0, vec!["misread".to_string()]));
}

#[test]
fn key_points_are_read_where_data_yaml_has_a_shape_of_them() {
    let dir = Workdir::new();
    yolo(&dir);
    let yaml = "train: images/train\nval: images/val\nkpt_shape: [2, 3]\nnames: [cat, dog]\n";
    dir.write("yolo/data.yaml", yaml);
    for (split, number) in [("train", 0), ("train", 1), ("val", 2), ("val", 3)] {
        dir.write(
            &format!("yolo/labels/{split}/{number}.txt"),
            "0 .5 .5 .2 .2 .5 .5 2 .4 .4 0\n1 .5 .5 .2 .2 0 0 0 1 1 1",
        );
    }
    dir.pokedex("check yolo").ok();
    dir.write("yolo/labels/train/0.txt", "0 .5 .5 .2 .2\n");
    assert_eq!(count(&report(&dir, "yolo").1, "label-syntax"), 1);
}

#[test]
fn labels_are_found_where_ultralytics_looks_and_pictures_are_those_that_it_reads() {
    let dir = Workdir::new();
    yolo(&dir);
    // Labels beside the pictures, since no folder is called `images`.
    dir.write("flat/data.yaml", "train: train\nval: val\nnames: [cat, dog]\n");
    for (split, number) in [("train", 0), ("val", 1)] {
        dir.write(&format!("flat/{split}/{number}.JPG"), encode(&scene(number), image::ImageFormat::Jpeg));
        dir.write(&format!("flat/{split}/{number}.txt"), format!("{number} 0.5 0.5 1 1\n"));
    }
    let (code, found) = report(&dir, "flat");
    assert_eq!((code, rules(&found)), (4, vec!["not-in-train".to_string()]), "{found:#}");
    dir.write("yolo/images/train/4.gif", encode(&scene(4), image::ImageFormat::Gif));
    let (code, found) = report(&dir, "yolo");
    assert_eq!((code, rules(&found)), (0, vec!["stray".to_string()]), "{found:#}");
    // A list of pictures, and a data.yaml that lies elsewhere.
    dir.write("yolo/train.txt", "./images/train/0.png\n./images/train/1.png\n");
    let root = dir.path("yolo");
    let yaml = format!("path: {}\ntrain: train.txt\nval: images/val\nnames: [cat, dog]\n", root.display());
    dir.write("config/pets.yaml", yaml);
    let (code, found) = report(&dir, "config/pets.yaml");
    assert_eq!((code, rules(&found)), (0, vec![]), "{found:#}");
    assert_eq!(found["summary"]["rows"], 4);
}

#[test]
fn labels_of_names_that_are_no_utf8_are_found() {
    use std::os::unix::ffi::OsStrExt;
    let dir = Workdir::new();
    yolo(&dir);
    let name = |folder: &str, end: &str| {
        let name = [b"caf\xe9.".as_slice(), end.as_bytes()].concat();
        dir.path(folder).join(std::ffi::OsStr::from_bytes(&name))
    };
    std::fs::write(name("yolo/images/train", "png"), png(&scene(7))).expect("writable");
    std::fs::write(name("yolo/labels/train", "txt"), "0 0.5 0.5 1 1\n").expect("writable");
    let (code, found) = report(&dir, "yolo");
    assert_eq!((code, rules(&found)), (0, vec![]), "{found:#}");
}

#[test]
fn what_torchvision_takes_for_classes_and_pictures_is_named() {
    let dir = Workdir::new();
    for (number, name) in ["train/ant/0", "train/bee/1", "test/ant/2", "test/bee/3"].iter().enumerate() {
        dir.write(&format!("set/{name}.png"), png(&scene(number as u32)));
    }
    dir.pokedex("check set").ok();
    dir.write("set/train/.ipynb_checkpoints/0-checkpoint.png", png(&scene(0)));
    dir.write("set/train/bee/._1.png", "no picture");
    dir.write("set/.DS_Store", "of the system");
    let (code, found) = report(&dir, "set");
    assert_eq!((code, count(&found, "layout")), (4, 2), "{found:#}");
}

#[test]
fn a_folder_that_cannot_be_read_is_found_and_passed_over() {
    use std::os::unix::fs::PermissionsExt;
    let dir = Workdir::new();
    divided(&dir);
    let locked = dir.path("photos/locked");
    std::fs::create_dir(&locked).expect("writable");
    let mode = |mode: u32| std::fs::set_permissions(&locked, std::fs::Permissions::from_mode(mode)).expect("ours");
    mode(0);
    // To who may do all, nothing is locked.
    if std::fs::read_dir(&locked).is_err() {
        let (code, found) = report(&dir, "photos");
        assert_eq!(
            (code, count(&found, "unreadable"), found["summary"]["rows"].as_u64()),
            (4, 1, Some(12)),
            "{found:#}"
        );
        assert!(dir.pokedex("scan photos -o t.parquet").failed(1).contains("photos/locked: cannot read"));
    }
    mode(0o700);
}

#[test]
fn pipes_in_a_folder_are_not_opened() {
    let dir = Workdir::new();
    divided(&dir);
    dir.shell("mkfifo photos/a.tar photos/data.yaml photos/b.json photos/annotations").ok();
    let run = dir.shell("timeout 60 pokedex check photos");
    assert_ne!(run.code, 124, "{}", run.stderr);
}

#[test]
fn members_of_a_shard_that_are_no_pictures_are_not_read_whole() {
    let dir = Workdir::new();
    let mut bytes = Vec::new();
    let mut header = tar::Header::new_gnu();
    header.set_path("0.png").expect("a name");
    header.set_size(100 << 20);
    header.set_cksum();
    bytes.extend_from_slice(header.as_bytes());
    dir.write("set/train-0.tar", &bytes);
    let file = std::fs::File::options().write(true).open(dir.path("set/train-0.tar")).expect("there");
    file.set_len((100 << 20) + 2048).expect("room for a hole");
    let text = dir.pokedex("check set").text();
    assert!(text.contains("0.png: is no picture"), "{text}");
}

#[test]
fn hostile_data_yaml_is_a_finding() {
    let dir = Workdir::new();
    yolo(&dir);
    for text in ["", "[", "\0", "names: *x", "a: [", "- - -", "names: {0: [a, {b: c}]}", "train: 3\nval: [7]"] {
        dir.write("yolo/data.yaml", text);
        let run = dir.pokedex("check yolo");
        assert_eq!(run.code, 4, "{text:?}: {}", run.stderr);
        assert!(run.text().contains("error layout"), "{text:?}: {}", run.text());
    }
    dir.write("yolo/data.yaml", "[".repeat(1 << 20));
    assert!(dir.pokedex("check yolo").text().contains("data.yaml: is nested too deeply"));
}

#[test]
fn an_imagefolder_is_read_as_torchvision_reads_it() {
    let dir = Workdir::new();
    for (number, name) in ["train/cat/0", "train/dog/1", "train/dog/2", "val/cat/3", "test/dog/4"].iter().enumerate() {
        dir.write(&format!("set/{name}.png"), png(&scene(number as u32)));
    }
    dir.write("set/train/loose.png", png(&scene(9)));
    std::fs::create_dir_all(dir.path("set/train/empty")).expect("writable");
    let (_, report) = report(&dir, "set");
    assert_eq!(report["profile"], "imagefolder");
    let text = dir.pokedex("check set").text();
    assert!(text.contains("train/empty: a class without a picture, at which torchvision stops"), "{text}");
    assert!(text.contains("warning stray (1): files that nobody reads\n  train/loose.png: "), "{text}");
    assert_eq!(count(&report, "numbering"), 2, "{report:#}");
    assert_eq!(report["summary"]["splits"]["train"], 4);
}

#[test]
fn annotations_of_coco_are_held_against_their_pictures() {
    let dir = Workdir::new();
    dir.write("set/images/train/0.png", png(&scene(0)));
    let annotations = |bbox: &str, category: u32, image: u32| {
        format!(
            r#"{{"images":[{{"id":1,"file_name":"0.png","width":160,"height":120}}],
            "annotations":[{{"id":1,"image_id":{image},"category_id":{category},"bbox":{bbox},"area":1,"iscrowd":0}}],
            "categories":[{{"id":1,"name":"cat"}}]}}"#
        )
    };
    dir.write("set/annotations/instances_train.json", annotations("[0,0,160,120]", 1, 1));
    let (code, sound) = report(&dir, "set");
    assert_eq!((code, rules(&sound).len()), (0, 0), "{sound:#}");
    for (bbox, category, image, rule) in [
        ("[0,0,161,120]", 1, 1, "box"),
        ("[0,0,1]", 1, 1, "box"),
        ("[0,0,1,1]", 2, 1, "label-class"),
        ("[0,0,1,1]", 1, 5, "label-orphan"),
    ] {
        dir.write("set/annotations/instances_train.json", annotations(bbox, category, image));
        let (code, found) = report(&dir, "set");
        assert_eq!((code, count(&found, rule)), (4, 1), "{bbox} {category} {image}: {found:#}");
    }
    dir.write("set/annotations/instances_train.json", annotations("[0,0,9,9]", 1, 1).replace("160", "161"));
    assert_eq!(count(&report(&dir, "set").1, "changed"), 1, "its size is not what the annotations say");
    dir.write("set/annotations/instances_train.json", "{");
    assert!(dir.pokedex("check set").text().contains("annotations/instances_train.json: EOF while parsing"));
}

/// A tar file of these members.
fn shard(members: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (name, bytes) in members {
        let mut header = tar::Header::new_ustar();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, name, bytes.as_slice()).expect("writable");
    }
    tar.into_inner().expect("written")
}

#[test]
fn torn_samples_of_a_shard_are_found() {
    let dir = Workdir::new();
    let picture = |n| png(&scene(n));
    let sound = [("a.png", picture(0)), ("a.cls", b"0".to_vec()), ("b.png", picture(1)), ("b.cls", b"1".to_vec())];
    dir.write("set/train-000000.tar", shard(&sound));
    let (code, found) = report(&dir, "set");
    assert_eq!((code, rules(&found).len()), (0, 0), "{found:#}");
    assert_eq!(found["summary"]["splits"]["train"], 2);
    dir.write(
        "set/train-000001.tar",
        shard(&[("c.cls", b"0".to_vec()), ("d.png", picture(2)), ("a.cls", b"0".to_vec())]),
    );
    let text = dir.pokedex("check set").text();
    assert!(text.contains("the sample a has no picture"), "{text}");
    assert!(text.contains("the sample c has no picture"), "{text}");
    assert!(text.contains("the sample d has no class"), "{text}");
    dir.write("set/train-000001.tar", &shard(&sound)[..700]);
    assert_eq!(dir.pokedex("check set").code, 4);
}

#[test]
fn samples_of_a_shard_lie_together_and_shards_may_number_theirs_anew() {
    let dir = Workdir::new();
    dir.write("set/train-0.tar", shard(&[("0.png", png(&scene(0)))]));
    dir.write("set/val-0.tar", shard(&[("0.png", png(&scene(1)))]));
    let (code, sound) = report(&dir, "set");
    assert_eq!((code, rules(&sound).len()), (0, 0), "no class is wanted where none has one: {sound:#}");
    dir.write(
        "set/val-0.tar",
        shard(&[("0.png", png(&scene(1))), ("1.png", png(&scene(2))), ("0.cls", b"1".to_vec())]),
    );
    assert!(dir.pokedex("check set").text().contains("the sample 0 is torn"));
    dir.write("set/val-0.tar", "");
    assert!(dir.pokedex("check set").text().contains("val-0.tar: holds no sample"));
}

#[test]
fn pictures_of_several_classes_and_of_none_are_sound() {
    let dir = Workdir::new();
    yolo(&dir);
    for (split, number) in [("train", 0), ("train", 1), ("val", 2)] {
        dir.write(&format!("yolo/labels/{split}/{number}.txt"), "0 0.5 0.5 1 1\n1 0.25 0.5 0.5 1\n");
    }
    dir.write("yolo/labels/val/3.txt", "");
    let (code, sound) = report(&dir, "yolo");
    assert_eq!((code, rules(&sound).len()), (0, 0), "{sound:#}");
    assert_eq!(sound["summary"]["classes"][0]["splits"]["train"], 2);
    // A class that only validation has is one that train lacks, whatever else is in the picture.
    dir.write("yolo/labels/train/0.txt", "0 0.5 0.5 1 1\n");
    dir.write("yolo/labels/train/1.txt", "0 0.5 0.5 1 1\n");
    let text = dir.pokedex("check yolo").text();
    assert!(
        text.contains("error not-in-train (1): classes that train has no picture of\n  dog: 1 in validation"),
        "{text}"
    );
}

#[test]
fn yolo_folders_of_other_programs_are_found_as_ultralytics_finds_them() {
    let dir = Workdir::new();
    yolo(&dir);
    let names = "nc: 2\nnames: [cat, dog]\n";
    for paths in [
        "train: ../images/train\nval: ../images/val\n",
        "path: ../datasets/elsewhere\ntrain: images/train\nval: images/val\n",
        "train: train.txt\nval: [images/val]\n",
    ] {
        dir.write("yolo/train.txt", "./images/train/0.png\nimages/train/1.png\n");
        dir.write("yolo/data.yaml", format!("{paths}{names}"));
        let (code, sound) = report(&dir, "yolo");
        assert_eq!((code, sound["summary"]["rows"].as_u64()), (0, Some(4)), "{paths}: {sound:#}");
    }
    dir.write("yolo/data.yaml", format!("train: nowhere/train\nval: nowhere/val\n{names}"));
    let text = dir.pokedex("check yolo").text();
    assert!(text.contains("nowhere/train: the folder of pictures is not there"), "{text}");
}

#[test]
fn a_class_may_be_called_train() {
    let dir = Workdir::new();
    for (number, class) in ["bus", "car", "train"].iter().enumerate() {
        dir.write(&format!("set/{class}/{number}.png"), png(&scene(number as u32)));
    }
    let (_, found) = report(&dir, "set --layout imagefolder");
    assert_eq!(found["summary"]["classes"].as_array().map(Vec::len), Some(3), "{found:#}");
    assert_eq!(count(&found, "stray"), 0);
}

//! `model pull` and `model remove`, against a hub that is part of the test.

mod standin;

use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::workdir::{Run, Workdir};
use standin::{COMMIT, Files, Hub, REPO, Reply, Request, git_hash, is_large, large_hash};

const MOVED: &str = "2222222222222222222222222222222222222222";
const CACHE: &str = ".cache/huggingface/hub/models--acme--clip";
const VISION: &str = "onnx/vision_model.onnx";
const TEXT: &str = "onnx/text_model.onnx";

fn model_files(folder: &str) -> Files {
    fn walk(folder: &Path, prefix: &str, files: &mut Files) {
        for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
            let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
            match entry.path().is_dir() {
                true => walk(&entry.path(), &format!("{name}/"), files),
                false => drop(files.insert(name, std::fs::read(entry.path()).expect("a file"))),
            }
        }
    }
    let mut files = Files::new();
    walk(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), "", &mut files);
    files
}

/// A small CLIP, with what else lies about in a repo.
fn clip() -> Files {
    let mut files = model_files("tests/data/models/clip");
    files.insert("README.md".into(), b"# CLIP".into());
    files.insert("model.safetensors".into(), vec![7; 1000]);
    files.insert("onnx/text_model_fp16.onnx".into(), vec![1; 1000]);
    files.insert("onnx/vision_model_fp16.onnx".into(), vec![2; 1000]);
    files
}

/// Bytes that a pull of it must fetch.
fn needed(files: &Files) -> usize {
    let needed = |path: &&String| !path.contains("fp16") && !path.ends_with(".md") && !path.ends_with(".safetensors");
    files.keys().filter(needed).map(|path| files[path].len()).sum()
}

fn decimal(bytes: usize) -> String {
    pokedex::words::bytes(bytes as u64)
}

/// Cuts the answers to the first requests for a file's content.
fn cut(file: &'static [u8], after: usize, times: usize) -> impl Fn(&Request) -> Option<Reply> + Send + Sync + 'static {
    let hash = large_hash(file);
    move |request| {
        let is_it = request.path.contains(&hash) && request.nth < times;
        is_it.then(|| {
            let reply = Reply::file(request, file);
            Reply { cut: Some(after.min(reply.body.len())), ..reply }
        })
    }
}

fn leak(bytes: &[u8]) -> &'static [u8] {
    Box::leak(bytes.to_vec().into_boxed_slice())
}

#[test]
fn a_model_is_pulled_listed_and_used() {
    let (dir, files) = (Workdir::new(), clip());
    let hub = Hub::new(files.clone());
    dir.write(".cache/huggingface/token", "hf_secret\n");
    dir.pictures("pics", 2);

    let said = hub.pull(&dir).ok().stderr;
    let fetched = format!("clip: installed from acme/clip@111111111111, fp32: {} fetched", decimal(needed(&files)));
    assert!(said.contains(&fetched), "{said}");
    assert!(said.contains("0 B were here already"), "{said}");
    assert!(said.contains("use it with: pokedex embed photos --model clip\n"), "{said}");

    assert!(dir.pokedex("model list").ok().text().contains("\nclip\tclip@"));
    dir.pokedex("embed pics --model clip -o e.parquet").ok();
    assert_eq!(dir.keys("e.parquet").len(), 2);

    // Only the hub itself may see the token, and of the addresses only those that are needed.
    assert!(hub.hub.seen().iter().all(|request| request.header("authorization") == Some("Bearer hf_secret")));
    assert!(hub.cdn.seen().iter().all(|request| request.header("authorization").is_none()));
    assert_eq!(hub.cdn.seen().len(), 2);
    assert!(hub.hub.paths().iter().all(|path| !path.contains("README") && !path.contains("fp16")));
}

#[test]
fn the_cache_is_laid_out_as_other_programs_have_it() {
    let (dir, files) = (Workdir::new(), clip());
    Hub::new(files.clone()).pull(&dir).ok();
    assert_eq!(dir.read(&format!("{CACHE}/refs/main")), COMMIT.as_bytes());
    for (path, hash) in [(VISION, large_hash(&files[VISION])), ("config.json", git_hash(&files["config.json"]))] {
        let link = std::fs::read_link(dir.path(&format!("{CACHE}/snapshots/{COMMIT}/{path}"))).expect("a link");
        let up = if path.contains('/') { "../../.." } else { "../.." };
        assert_eq!(link, Path::new(&format!("{up}/blobs/{hash}")));
        assert_eq!(dir.read(&format!("{CACHE}/blobs/{hash}")), files[path]);
    }
    assert!(dir.files(&format!("{CACHE}/blobs")).iter().all(|name| !name.contains("incomplete")));
}

#[test]
fn a_branch_with_a_slash_is_a_revision_too() {
    let (dir, hub) = (Workdir::new(), Hub::new(clip()));
    hub.run(&dir, "model pull acme/clip@v1/x --as other").ok();
    assert!(dir.pokedex("model list").ok().text().contains("\nother\tclip@"), "its own name, and the one it has here");
    assert_eq!(dir.read(&format!("{CACHE}/refs/v1/x")), COMMIT.as_bytes());
    assert!(dir.path(".models/other/config.json").is_file());
}

#[test]
fn what_is_there_is_not_fetched_again() {
    let (dir, files) = (Workdir::new(), clip());
    let hub = Hub::new(files.clone());
    hub.pull(&dir).ok();
    let before = hub.bodies().len();
    let said = hub.pull(&dir).ok().stderr;
    let present = format!("0 B fetched, {} were here already", decimal(needed(&files)));
    assert!(said.contains(&present), "{said}");
    assert_eq!(hub.bodies().len(), before);
    assert_eq!(std::fs::read_dir(dir.path(".models/.hub/models--acme--clip")).expect("a folder").count(), 1);
}

#[test]
fn files_that_another_program_fetched_are_used_even_without_links() {
    let (dir, files) = (Workdir::new(), clip());
    let hub = Hub::new(files.clone());
    for (path, bytes) in files.iter().filter(|(path, _)| *path != TEXT) {
        dir.write(&format!("{CACHE}/snapshots/{COMMIT}/{path}"), bytes);
    }
    hub.pull(&dir).ok();
    assert_eq!(hub.bodies().len(), 1, "{:?}", hub.bodies());
    dir.pokedex("model info clip").ok();
}

#[test]
fn offline_the_cache_is_enough() {
    let (dir, hub) = (Workdir::new(), Hub::new(clip()));
    let offline = |what: &str| {
        let mut command = dir.command(env!("CARGO_BIN_EXE_pokedex"));
        command.args(["model", "pull", what, "--as", "again"]).env("HF_HUB_OFFLINE", "yes");
        Run::from(command.env("HF_ENDPOINT", &hub.hub.url).output().expect("the binary runs"))
    };
    let said = offline(REPO).failed(1);
    assert!(said.contains("acme/clip: its fp32 variant is not in ") && said.contains("HF_HUB_OFFLINE"), "{said}");
    assert_eq!(hub.hub.seen().len(), 0);

    hub.pull(&dir).ok();
    let before = hub.hub.seen().len();
    offline(REPO).ok();
    offline(&format!("{REPO}@{COMMIT}")).ok();
    assert_eq!(hub.hub.seen().len(), before);
    dir.pokedex("model info again").ok();
}

#[test]
fn a_branch_that_moved_brings_only_what_changed() {
    let (dir, mut files) = (Workdir::new(), clip());
    let hub = Hub::new(files.clone());
    hub.pull(&dir).ok();
    let before = hub.bodies().len();
    let text = |dir: &Workdir| dir.pokedex("model info clip").ok().text();
    let old = text(&dir);

    let config = String::from_utf8(files["config.json"].clone()).expect("text");
    files.insert("config.json".into(), format!("{config}\n").into());
    hub.commit(MOVED, files.clone());
    let said = hub.pull(&dir).ok().stderr;
    assert!(said.contains(&format!("@{}", &MOVED[..12])), "{said}");
    assert_eq!(hub.bodies().len(), before + 1);
    assert_eq!(dir.read(&format!("{CACHE}/refs/main")), MOVED.as_bytes());
    assert_eq!(dir.read(".models/clip/config.json"), files["config.json"]);
    // The old snapshot stays for whoever uses it; the folder that the name stood for goes.
    assert!(dir.path(&format!("{CACHE}/snapshots/{COMMIT}/config.json")).is_file());
    assert_eq!(std::fs::read_dir(dir.path(".models/.hub/models--acme--clip")).expect("a folder").count(), 1);
    assert!(!old.is_empty() && !text(&dir).is_empty());
}

#[test]
fn a_second_variant_joins_the_first_and_each_keeps_its_files() {
    let (dir, mut files) = (Workdir::new(), clip());
    files.extend(model_files("tests/data/models/clip_int8"));
    let hub = Hub::new(files);
    let said = hub.run(&dir, "model pull acme/clip --variant int8").ok().stderr;
    assert!(said.contains("--model clip\n"), "{said}");
    let alone = dir.pokedex("model info clip").ok().text();
    assert!(!dir.path(".models/clip").join(VISION).exists());

    // Under another name: the cache has both now, this name still has one.
    let said = hub.run(&dir, "model pull acme/clip --as whole").ok().stderr;
    assert!(said.contains("--model whole\n"), "{said}");
    assert_eq!(dir.pokedex("model info clip").ok().text(), alone);

    let said = hub.run(&dir, "model pull acme/clip --variant int8 --as whole").ok().stderr;
    assert!(said.contains("--model whole:int8\n"), "{said}");
    for name in ["whole", "whole:fp32", "whole:int8"] {
        dir.pokedex(&format!("model info {name}")).ok();
    }
}

#[test]
fn a_model_in_a_folder_of_its_repo_is_found() {
    let (dir, mut files) = (Workdir::new(), Files::new());
    for (name, bytes) in model_files("tests/data/models/openclip") {
        let folder = if name.starts_with("bpe") { "tokenizer" } else { "ViT-B-32" };
        files.insert(format!("{folder}/{name}"), bytes);
    }
    Hub::new(files).pull(&dir).ok();
    assert!(dir.path(".models/clip/visual.onnx").is_file());
    dir.pokedex("model info clip").ok();
}

#[test]
fn models_of_our_own_can_be_pulled() {
    let dir = Workdir::new();
    let mut files = model_files("assets/model");
    files.retain(|name, _| !name.ends_with("parquet") && name != "identity");
    files.extend(model_files("crates/eye").into_iter().filter(|(name, _)| name.ends_with("safetensors")));
    let hub = Hub::new(files);
    hub.run(&dir, "model pull acme/clip --as mini").ok();
    let said = dir.pokedex("model info ./.models/mini").ok().text();
    assert!(said.contains("pokedex-mini@"), "{said}");
}

#[test]
fn a_connection_that_breaks_is_taken_up_again() {
    let (dir, files) = (Workdir::new(), clip());
    let vision = leak(&files[VISION]);
    let third = vision.len() / 3;
    let hub = Hub::with(files.clone(), cut(vision, third, 2));
    let said = hub.pull(&dir).ok().stderr;
    let fetched = format!("{} fetched, 0 B were", decimal(needed(&files)));
    assert!(said.contains(&fetched), "each byte came once: {said}");
    let starts: Vec<usize> =
        hub.cdn.seen().iter().filter(|r| r.path.contains(&large_hash(vision))).map(Request::from).collect();
    assert_eq!(starts, [0, third, 2 * third]);
}

#[test]
fn a_connection_that_breaks_more_often_than_is_waited_for_is_fine_as_long_as_bytes_come() {
    let (dir, files) = (Workdir::new(), clip());
    let vision = leak(&files[VISION]);
    let hub = Hub::with(files, cut(vision, vision.len() / 8, 7));
    hub.pull(&dir).ok();
}

#[test]
fn a_server_without_ranges_starts_afresh() {
    let (dir, files) = (Workdir::new(), clip());
    let vision = leak(&files[VISION]);
    let hash = large_hash(vision);
    let hub = Hub::with(files, move |request| {
        let whole = Reply::new(200, vision);
        let cut = (request.nth == 0).then_some(vision.len() / 2);
        request.path.contains(&hash).then_some(Reply { cut, ..whole })
    });
    hub.pull(&dir).ok();
    assert_eq!(dir.read(&format!("{CACHE}/blobs/{}", large_hash(vision))), vision);
}

#[test]
fn a_connection_that_falls_silent_is_given_up() {
    let (dir, files) = (Workdir::new(), clip());
    let vision = leak(&files[VISION]);
    let hash = large_hash(vision);
    let hub = Hub::with(files, move |request| {
        let silent = || Reply { cut: Some(1000), silent: true, ..Reply::file(request, vision) };
        (request.path.contains(&hash) && request.nth == 0).then(silent)
    });
    let mut command = dir.command(env!("CARGO_BIN_EXE_pokedex"));
    command.args(["model", "pull", REPO]).env("HF_ENDPOINT", &hub.hub.url).env("HF_HUB_DOWNLOAD_TIMEOUT", "1");
    let start = Instant::now();
    Run::from(command.output().expect("the binary runs")).ok();
    assert!(start.elapsed() < Duration::from_secs(15));
}

#[test]
fn a_pull_that_was_killed_goes_on_where_it_stopped() {
    let (dir, files) = (Workdir::new(), clip());
    let vision = leak(&files[VISION]);
    let (hash, half) = (large_hash(vision), vision.len() / 2);
    let first = hash.clone();
    let hub = Hub::with(files.clone(), move |request| {
        let silent = || Reply { cut: Some(half), silent: true, ..Reply::file(request, vision) };
        (request.path.contains(&first) && request.nth == 0).then(silent)
    });
    let mut command = dir.command(env!("CARGO_BIN_EXE_pokedex"));
    command.args(["model", "pull", REPO]).env("HF_ENDPOINT", &hub.hub.url).stderr(Stdio::null());
    let mut child = command.spawn().expect("the binary runs");
    let incomplete = dir.path(&format!("{CACHE}/blobs/{hash}.incomplete"));
    let start = Instant::now();
    while std::fs::metadata(&incomplete).map_or(0, |m| m.len()) < half as u64 {
        assert!(start.elapsed() < Duration::from_secs(20), "nothing was fetched");
        std::thread::sleep(Duration::from_millis(10));
    }
    child.kill().expect("it runs");
    child.wait().expect("it ends");
    assert!(!dir.path(".models/clip").exists());

    let said = hub.pull(&dir).ok().stderr;
    assert!(said.contains(&format!("{} were here already", decimal(half))), "{said}");
    let starts: Vec<usize> = hub.cdn.seen().iter().filter(|r| r.path.contains(&hash)).map(Request::from).collect();
    assert_eq!(starts, [0, half]);
    assert!(!incomplete.exists());
}

#[test]
fn two_pulls_at_once_fetch_each_file_once() {
    let (dir, files) = (Workdir::new(), clip());
    let vision = leak(&files[VISION]);
    let hash = large_hash(vision);
    let hub = Hub::with(files, move |request| {
        if request.path.contains(&hash) {
            std::thread::sleep(Duration::from_millis(800));
        }
        None
    });
    let (one, two) = std::thread::scope(|scope| {
        let one = scope.spawn(|| hub.run(&dir, "model pull acme/clip --as one"));
        let two = scope.spawn(|| hub.run(&dir, "model pull acme/clip --as two"));
        (one.join().expect("no panic").ok(), two.join().expect("no panic").ok())
    });
    assert!(format!("{}{}", one.stderr, two.stderr).contains("another pull is fetching it"), "{}", one.stderr);
    let asked = hub.cdn.paths().iter().filter(|path| path.contains(&large_hash(vision))).count();
    assert_eq!(asked, 1);
    assert!(dir.files(&format!("{CACHE}/blobs")).iter().all(|name| !name.contains("incomplete")));
}

#[test]
fn bytes_that_are_not_those_that_the_hub_lists_are_deleted() {
    for path in [VISION, "config.json"] {
        let (dir, files) = (Workdir::new(), clip());
        let bytes = files[path].clone();
        let hash = if is_large(path) { large_hash(&bytes) } else { git_hash(&bytes) };
        let wrong: Vec<u8> = bytes.iter().map(|b| b ^ 1).collect();
        let asked = if is_large(path) { hash.clone() } else { "resolve-cache/".to_string() + COMMIT + "/config.json" };
        let hub = Hub::with(files, move |request| request.path.contains(&asked).then(|| Reply::file(request, &wrong)));
        let said = hub.pull(&dir).failed(1);
        assert!(said.contains(&format!("acme/clip: {path}: damaged on its way, and deleted")), "{said}");
        assert!(said.contains(&hash), "{said}");
        assert!(dir.files(&format!("{CACHE}/blobs")).iter().all(|name| !name.starts_with(&hash)));
        assert!(!dir.path(".models/clip").exists());
    }
}

#[test]
fn a_damaged_rest_of_an_earlier_pull_is_fetched_afresh() {
    let (dir, files) = (Workdir::new(), clip());
    let hash = large_hash(&files[VISION]);
    for rest in [vec![0; 500], vec![0; files[VISION].len()], vec![0; files[VISION].len() + 1]] {
        dir.write(&format!("{CACHE}/blobs/{hash}.incomplete"), rest);
        Hub::new(files.clone()).pull(&dir).ok();
        assert_eq!(dir.read(&format!("{CACHE}/blobs/{hash}")), files[VISION]);
        std::fs::remove_dir_all(dir.path(CACHE)).expect("a folder");
    }
}

#[test]
fn a_file_of_another_size_than_listed_is_an_error() {
    let (dir, files) = (Workdir::new(), clip());
    let hash = large_hash(&files[VISION]);
    let hub = Hub::with(files, move |request| request.path.contains(&hash).then(|| Reply::new(200, "<html>")));
    let said = hub.pull(&dir).failed(1);
    assert!(said.contains("acme/clip: onnx/vision_model.onnx: cannot fetch: the server has 6 bytes of it"), "{said}");
}

#[test]
fn a_busy_hub_is_waited_for_as_long_as_it_asks() {
    let busy = |wait: &'static str| {
        move |request: &Request| (request.nth == 0).then(|| Reply::new(503, "").with("Retry-After", wait))
    };
    let dir = Workdir::new();
    let start = Instant::now();
    let said =
        Hub::with(clip(), move |r| busy("1")(r).filter(|_| r.path.contains("/revision/"))).pull(&dir).ok().stderr;
    assert!(start.elapsed() > Duration::from_secs(1));
    assert!(said.contains("answers 503") && said.contains("trying again in 1 s"), "{said}");
    let said = Hub::with(clip(), busy("3600")).pull(&dir).failed(1);
    assert!(said.contains("asks to come back in 3600 seconds"), "{said}");
}

#[test]
fn a_hub_that_cannot_be_reached_is_named() {
    let dir = Workdir::new();
    let mut command = dir.command(env!("CARGO_BIN_EXE_pokedex"));
    command.args(["model", "pull", REPO]).env("HF_ENDPOINT", "http://127.0.0.1:9");
    let said = Run::from(command.output().expect("the binary runs")).failed(1);
    assert!(said.contains("acme/clip: cannot fetch: 127.0.0.1:9: "), "{said}");
    assert!(said.contains("HF_HUB_OFFLINE=1"), "{said}");
}

#[test]
fn refusals_are_told_apart() {
    let refuse = |status: u16, code: &'static str| {
        Hub::with(clip(), move |_| Some(Reply::new(status, "").with("X-Error-Code", code)))
    };
    let dir = Workdir::new();
    for (status, code, problem, hint) in [
        (401, "", "no such model on http", "HF_TOKEN=hf_… pokedex model pull acme/clip"),
        (404, "RepoNotFound", "no such model on http", "check the spelling"),
        (404, "RevisionNotFound", "has no revision `main`", "a branch, a tag or a commit"),
        (403, "GatedRepo", "is gated", "/acme/clip, then: HF_TOKEN=hf_… pokedex model pull acme/clip"),
        (403, "", "access is refused", "HF_TOKEN"),
        (410, "", "answers 410", ""),
    ] {
        let said = refuse(status, code).pull(&dir).failed(1);
        assert!(said.contains("pokedex: acme/clip: ") && said.contains(problem), "{status} {code}: {said}");
        assert!(said.contains(hint), "{status} {code}: {said}");
    }
    dir.write(".cache/huggingface/token", "hf_old");
    let said = refuse(401, "").pull(&dir).failed(1);
    assert!(said.contains("refuses the token") && said.contains("/settings/tokens"), "{said}");
    assert_eq!(dir.files(".cache"), ["huggingface/token"]);
}

#[test]
fn signed_addresses_that_ran_out_are_asked_for_again() {
    let (dir, files) = (Workdir::new(), clip());
    let hash = large_hash(&files[VISION]);
    let hub = Hub::with(files, move |r| (r.path.contains(&hash) && r.nth == 0).then(|| Reply::new(403, "")));
    hub.pull(&dir).ok();
    let resolved = hub.hub.paths().iter().filter(|path| path.ends_with(VISION)).count();
    assert_eq!(resolved, 2);
}

#[test]
fn redirects_in_circles_end() {
    let dir = Workdir::new();
    let hub = Hub::with(clip(), |request| Some(Reply::new(302, "").with("Location", request.path.clone())));
    assert!(hub.pull(&dir).failed(1).contains("redirects in circles"));
}

#[test]
fn a_listing_that_leads_out_of_the_cache_is_not_trusted() {
    for (path, problem) in [
        ("../../../../evil/onnx/model.onnx", "it names a file `../../../../evil/onnx/model.onnx`"),
        ("/etc/cron.d/model.onnx", "it names a file `/etc/cron.d/model.onnx`"),
        ("onnx/../../model.onnx", "it names a file"),
    ] {
        let dir = Workdir::new();
        let mut files = clip();
        files.insert(path.into(), b"evil".into());
        let said = Hub::new(files).pull(&dir).failed(1);
        assert!(said.contains("cannot be trusted") && said.contains(problem), "{said}");
        assert_eq!(dir.files(""), [] as [&str; 0]);
    }
    let hub = Hub::with(clip(), |request| {
        let entry = json!([{ "type": "file", "path": "onnx/model.onnx", "size": 1, "oid": "../../../x" }]);
        request.path.contains("/tree/").then(|| Reply::new(200, entry.to_string()))
    });
    assert!(hub.pull(&Workdir::new()).failed(1).contains("has no proper hash"));
    let endless = Hub::with(clip(), |request| {
        let next = format!("<{}>; rel=\"next\"", request.path);
        request.path.contains("/tree/").then(|| Reply::new(200, "[]").with("Link", next))
    });
    assert!(endless.pull(&Workdir::new()).failed(1).contains("it does not end"));
    let other = Hub::with(clip(), |_| Some(Reply::new(200, "<html>")));
    assert!(other.pull(&Workdir::new()).failed(1).contains("the answer is not a hub's: "));
}

#[test]
fn a_repo_without_a_model_says_what_it_has() {
    let dir = Workdir::new();
    let mut files = Files::new();
    files.insert("config.json".into(), b"{}".into());
    files.insert("model.safetensors".into(), vec![0; 10]);
    let said = Hub::new(files).pull(&dir).failed(1);
    assert!(said.contains("acme/clip: has no ONNX model, only config.json, model.safetensors"), "{said}");
    assert!(said.contains("optimum-cli export onnx --model acme/clip clip"), "{said}");
    let said = Hub::new(clip()).run(&dir, "model pull acme/clip --variant int8").failed(1);
    assert!(said.contains("has no int8 variant") && said.contains("--variant fp32, --variant fp16"), "{said}");
}

#[test]
fn a_model_that_cannot_be_opened_is_not_installed_and_the_old_one_stays() {
    let (dir, mut files) = (Workdir::new(), clip());
    let hub = Hub::new(files.clone());
    hub.pull(&dir).ok();
    let before = dir.pokedex("model info clip").ok().text();
    files.insert(VISION.into(), b"no model".into());
    hub.commit(MOVED, files);
    let said = hub.pull(&dir).failed(1);
    assert!(said.contains("acme/clip: ") && said.contains("not installed"), "{said}");
    assert!(!said.contains("use it with"), "{said}");
    assert_eq!(dir.pokedex("model info clip").ok().text(), before);
    assert_eq!(std::fs::read_dir(dir.path(".models/.hub/models--acme--clip")).expect("a folder").count(), 1);
}

#[test]
fn names_that_cannot_be_meant_are_refused_before_anything_is_asked() {
    let (dir, hub) = (Workdir::new(), Hub::new(clip()));
    for (arguments, problem) in [
        ("clip-vit-b23", "did you mean pokedex model pull clip-vit-b32?"),
        ("resnet", "short names: clip-vit-b32, "),
        ("acme/clip/onnx", "not a model of the hub"),
        ("../../etc", "not a model of the hub"),
        ("acme/clip@../../x", "a revision has"),
        ("acme/clip --as pokedex-mini", "built-in model"),
        ("acme/clip --as ../x", "cannot be the name of a model"),
        ("acme/clip --as .hub", "cannot be the name of a model"),
    ] {
        let said = hub.run(&dir, &format!("model pull {arguments}")).failed(2);
        assert!(said.contains(problem) && said.contains("\nhint: "), "{said}");
    }
    dir.other_model(".models/clip");
    let said = hub.pull(&dir).failed(1);
    assert!(said.contains("clip: there is another model of this name") && said.contains("--as NAME"), "{said}");
    assert_eq!(hub.hub.seen().len(), 0);
}

#[test]
fn a_name_that_another_repo_has_is_kept() {
    let (dir, hub) = (Workdir::new(), Hub::new(clip()));
    hub.pull(&dir).ok();
    let said = hub.run(&dir, "model pull clip-vit-b32 --as clip").failed(1);
    assert!(said.contains("from acme/clip") && said.contains("pokedex model remove clip"), "{said}");
}

#[test]
fn a_removed_model_leaves_its_files_to_others_unless_they_are_purged() {
    let (dir, files) = (Workdir::new(), clip());
    let hub = Hub::new(files.clone());
    hub.pull(&dir).ok();
    let said = dir.pokedex("model remove clip -v").ok().stderr;
    assert!(said.contains(&format!("clip: removed; {} stay in the hub cache", decimal(needed(&files) + 40))), "{said}");
    assert_eq!(dir.files(".models"), [] as [&str; 0]);
    assert!(dir.pokedex("model remove clip").failed(1).contains("clip: is no installed model"));

    hub.pull(&dir).ok();
    hub.run(&dir, "model pull acme/clip --as second").ok();
    let said = dir.pokedex("model remove clip --purge").failed(1);
    assert!(said.contains("used by second as well"), "{said}");
    dir.pokedex("model remove second").ok();
    assert!(dir.pokedex("model remove clip --purge -v").ok().stderr.contains("were deleted"));
    assert!(!dir.path(CACHE).exists());
    assert_eq!(dir.files(".models"), [] as [&str; 0]);
}

#[test]
fn what_was_put_there_by_hand_is_not_removed_by_accident() {
    let dir = Workdir::new();
    dir.other_model(".models/mine");
    dir.other_model("elsewhere");
    let said = dir.pokedex("model remove mine").failed(1);
    assert!(said.contains("put there by hand") && said.contains("pokedex model remove mine --purge"), "{said}");
    dir.pokedex("model remove mine --purge").ok();
    assert!(!dir.path(".models/mine").exists());
    symlink(dir.path("elsewhere"), dir.path(".models/link")).expect("a link");
    let said = dir.pokedex("model remove link --purge -v").ok().stderr;
    assert!(said.contains("which stays"), "{said}");
    assert!(dir.path("elsewhere/model.json").exists() && !dir.path(".models/link").exists());
    for name in ["pokedex-mini", "../elsewhere", ".hub", ""] {
        assert!(dir.pokedex_args(&["model", "remove", name]).failed(2).contains("cannot be the name"), "{name}");
    }
}

#[test]
fn the_environment_says_where_the_cache_is() {
    let (dir, hub) = (Workdir::new(), Hub::new(clip()));
    for (variable, value, place) in [
        ("HF_HOME", "hf", "hf/hub"),
        ("HF_HUB_CACHE", "~/blobs", "blobs"),
        ("XDG_CACHE_HOME", "xdg", "xdg/huggingface/hub"),
    ] {
        let mut command = dir.command(env!("CARGO_BIN_EXE_pokedex"));
        command.args(["model", "pull", REPO]).env("HF_ENDPOINT", &hub.hub.url).env(variable, value);
        Run::from(command.output().expect("the binary runs")).ok();
        assert!(dir.path(&format!("{place}/models--acme--clip/refs/main")).is_file(), "{variable}");
        dir.pokedex("model info clip").ok();
    }
}

#[test]
fn the_help_has_the_short_names() {
    let help = Workdir::new().pokedex("model pull --help").ok().text();
    for name in ["clip-vit-b32", "Xenova/clip-vit-base-patch32", "siglip-base", "dinov2-small"] {
        assert!(help.contains(name), "{help}");
    }
}

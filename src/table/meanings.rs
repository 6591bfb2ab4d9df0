//! The columns that this program knows, and what they mean: as `docs/tables.md` has them, for programs.

/// Name, type and meaning.
#[rustfmt::skip]
pub const COLUMNS: &[(&str, &str, &str)] = &[
    ("key", "utf8, required, unique", "the row's name: the path below the folder that was given, `/`-separated; with several inputs the last component of each comes first; for lists of paths below `--root`, without leading `/` and `..`. Bytes that are not UTF-8 stand as `%XX`. Two files with one key are an error"),
    ("path", "utf8", "where to open the file, from the working directory at the time of writing"),
    ("image", "struct<bytes: binary, path: utf8>", "the image itself (the Hugging Face `Image` layout; where `bytes` is null, `path` is the file); wins over `path`; dropped by `embed` unless `--keep-images`"),
    ("id", "int32", "class number: from names, where all begin with a Pokédex number of four digits (`--ids auto`) or some begin with one of any width or are those of species (`--ids name`, `--ids dir`), or from `--meta`"),
    ("label", "utf8", "class name: from `--meta`, else the species of the `id`, else the folder where there are several, else null"),
    ("width", "uint32", "of the upright image"),
    ("height", "uint32", "of the upright image"),
    ("content_hash", "fixed_size_binary(32)", "BLAKE3 of the bytes that this row points to"),
    ("source_hash", "fixed_size_binary(32)", "BLAKE3 of the bytes that those were made from"),
    ("split", "utf8", "`train`, `validation`, `test`; read as such are also `training`, `val`, `valid`, `dev`, `testing`, `eval`, `evaluation`, whatever their case (the words of `datasets`)"),
    ("excluded", "utf8", "why a row belongs to no split (`split --min-size`); null where it may"),
    ("perceptual_hash", "fixed_size_binary(32)", "what the picture looks like (`split --near-duplicates`): 128 signs of the lowest frequencies of the whole picture, 128 of what stands before a background of one colour; null where there is nothing to see"),
    ("boxes", "list<struct>", "what is where: `label`, `class`, `score`, `x1`, `y1`, `x2`, `y2` in pixels of the upright image; null: nobody has looked"),
    ("parent_hash", "fixed_size_binary(32)", "`content_hash` of the picture that `augment` drew this one from; null for originals"),
    ("augmentation", "utf8", "what was drawn for it, a JSON object: `seed`, `copy`, `geometry`, `background`, `mosaic`, `mixup`, `effects`; lengths are shares of the frame, other pictures are content hashes"),
    ("video_key", "utf8", "of a still (`frames`): the key of its film"),
    ("video_path", "utf8", "of a still: where its film is, from the working directory at the time of writing"),
    ("timestamp", "float64", "of a still: when it is shown, in seconds on the film's own clock, as ffprobe tells it"),
    ("frame", "int64", "of a still: its number in the order in which frames are shown, from 0; null where the film was not read from its beginning (`--at`)"),
    ("duration", "float64", "of a still: how long its film's pictures last, in seconds; null where it does not say so"),
    ("embedding", "fixed_size_list<float32, D>", "of length 1; null where `error` is set (`--as NAME`: another name). In Parquet, where a null is in it, the Arrow schema in the footer says list<float32>: pyarrow up to 25 cannot read a null in the other"),
    ("embedding_model", "dictionary<utf8>", "`name@hash16` of the model that made this row's vector"),
    ("error", "utf8", "why the row could not be processed; null where all is well. Such rows pass through untouched"),
];

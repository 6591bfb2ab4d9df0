# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_pokedex_global_optspecs
    string join \n q/quiet v/verbose h/help V/version
end

function __fish_pokedex_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_pokedex_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_pokedex_using_subcommand
    set -l cmd (__fish_pokedex_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c pokedex -n "__fish_pokedex_needs_command" -s q -l quiet -d 'Say only why a command failed'
complete -c pokedex -n "__fish_pokedex_needs_command" -s v -l verbose -d 'Say what was done as well'
complete -c pokedex -n "__fish_pokedex_needs_command" -s h -l help -d 'Print help'
complete -c pokedex -n "__fish_pokedex_needs_command" -s V -l version -d 'Print version'
complete -c pokedex -n "__fish_pokedex_needs_command" -f -a "scan" -d 'List image files in a table: key, path, id, label, size, content hash, error'
complete -c pokedex -n "__fish_pokedex_needs_command" -f -a "frames" -d 'Take stills of films, pages of TIFFs and frames of animations as pictures in a table'
complete -c pokedex -n "__fish_pokedex_needs_command" -f -a "convert-rgb" -d 'Turn any image into upright RGB over a background'
complete -c pokedex -n "__fish_pokedex_needs_command" -f -a "split" -d 'Divide images into train, validation and test'
complete -c pokedex -n "__fish_pokedex_needs_command" -f -a "check" -d 'Say what is wrong with a data set: damaged pictures, copies, leaks between splits, classes, labels'
complete -c pokedex -n "__fish_pokedex_needs_command" -f -a "dedup" -d 'Find copies and near copies of pictures; only when told, link them, move them or put them into the trash'
complete -c pokedex -n "__fish_pokedex_needs_command" -f -a "augment" -d 'Make more pictures of the train split: moved, recoloured, blurred, on other backgrounds'
complete -c pokedex -n "__fish_pokedex_needs_command" -f -a "read" -d 'Read the words in pictures'
complete -c pokedex -n "__fish_pokedex_needs_command" -f -a "embed" -d 'Add the vectors of a model to images, or to a text column'
complete -c pokedex -n "__fish_pokedex_needs_command" -f -a "index" -d 'Make a searchable index of an embedding table'
complete -c pokedex -n "__fish_pokedex_needs_command" -f -a "map" -d 'Lay vectors out in the plane, tell their clusters, and draw the map'
complete -c pokedex -n "__fish_pokedex_needs_command" -f -a "query" -d 'Find what is nearest to words, pictures or stored rows'
complete -c pokedex -n "__fish_pokedex_needs_command" -f -a "serve" -d 'Show an index in the browser, and answer programs over HTTP'
complete -c pokedex -n "__fish_pokedex_needs_command" -f -a "mcp" -d 'Answer agents: the Model Context Protocol over standard input and output'
complete -c pokedex -n "__fish_pokedex_needs_command" -f -a "sample" -d 'Choose which rows to look at, to label or to keep'
complete -c pokedex -n "__fish_pokedex_needs_command" -f -a "train" -d 'Learn to classify, or a better model, from a table of embeddings'
complete -c pokedex -n "__fish_pokedex_needs_command" -f -a "classify" -d 'Say which class each image is of'
complete -c pokedex -n "__fish_pokedex_needs_command" -f -a "evaluate" -d 'Say how good predictions are'
complete -c pokedex -n "__fish_pokedex_needs_command" -f -a "export" -d 'Write a table as CSV, JSON, Parquet, NumPy and others, its pictures as a data set that training tools load, or all of it as a page'
complete -c pokedex -n "__fish_pokedex_needs_command" -f -a "model" -d 'List models, explain them, and get more of them'
complete -c pokedex -n "__fish_pokedex_needs_command" -f -a "cache" -d 'Show what is kept of earlier runs, or remove it'
complete -c pokedex -n "__fish_pokedex_needs_command" -f -a "completions" -d 'Print the completion script of a shell'
complete -c pokedex -n "__fish_pokedex_needs_command" -f -a "schema" -d 'Describe commands, flags, exit codes and columns as JSON, for programs that write command lines'
complete -c pokedex -n "__fish_pokedex_needs_command" -f -a "man" -d 'Print a manual page, or write all of them to a folder'
complete -c pokedex -n "__fish_pokedex_using_subcommand scan" -l ids -d 'Where class numbers come from' -r -f -a "auto\t'From names, if every file or every folder begins with a Pokédex number of four digits (0001 to 1025)'
name\t'From the file\'s name: a number at its beginning, or the name of a species'
dir\t'From the folder\'s name: a number at its beginning, or the name of a species'
none\t'No class numbers'"
complete -c pokedex -n "__fish_pokedex_using_subcommand scan" -l root -d 'Make the keys of a list of paths relative to this folder, and look for the files of a table below it first' -r -F
complete -c pokedex -n "__fish_pokedex_using_subcommand scan" -l shard -d 'Only the rows of this shard, by a hash of their keys: `--shard 3/100` in the third of a hundred runs that share the input' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand scan" -l meta -d 'Join the columns of this CSV, or TSV' -r -F
complete -c pokedex -n "__fish_pokedex_using_subcommand scan" -l on -d 'The column that the CSV is joined on' -r -f -a "id\t''
label\t''
key\t''"
complete -c pokedex -n "__fish_pokedex_using_subcommand scan" -l on-duplicate -d 'What to do where several lines of the CSV have the same join key' -r -f -a "first\t'Take the first of them'
error\t'Stop'
all\t'Make a row for each; the keys of the further ones end in #2, #3, …'"
complete -c pokedex -n "__fish_pokedex_using_subcommand scan" -s o -l output -d 'Write the table to this file [default: standard output, when it is not a terminal]' -r -F
complete -c pokedex -n "__fish_pokedex_using_subcommand scan" -l stdout-format -d 'Format of a table on standard output; arrow (an IPC stream) never touches the disk' -r -f -a "parquet\t''
arrow\t'An IPC stream'"
complete -c pokedex -n "__fish_pokedex_using_subcommand scan" -s j -l jobs -d 'Number of threads [default: the number of processors]' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand scan" -s 0 -l null -d 'Paths in a list end with NUL bytes, as `find -print0` writes them'
complete -c pokedex -n "__fish_pokedex_using_subcommand scan" -l verify -d 'Decode every image instead of reading its header'
complete -c pokedex -n "__fish_pokedex_using_subcommand scan" -l exif -d 'Add columns of what is written in EXIF, XMP and IPTC: time, place, camera, keywords'
complete -c pokedex -n "__fish_pokedex_using_subcommand scan" -l quality -d 'Decode every image and add figures from 0 to 1 of how good it is to look at: sharpness, brightest, darkest, entropy, aspect, bars, subject'
complete -c pokedex -n "__fish_pokedex_using_subcommand scan" -l skip-ok -d 'Exit with 0 although inputs were skipped'
complete -c pokedex -n "__fish_pokedex_using_subcommand scan" -l strict -d 'Fail at the first input that cannot be processed'
complete -c pokedex -n "__fish_pokedex_using_subcommand scan" -s q -l quiet -d 'Say only why a command failed'
complete -c pokedex -n "__fish_pokedex_using_subcommand scan" -s v -l verbose -d 'Say what was done as well'
complete -c pokedex -n "__fish_pokedex_using_subcommand scan" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c pokedex -n "__fish_pokedex_using_subcommand frames" -l ids -d 'Where class numbers come from' -r -f -a "auto\t'From names, if every file or every folder begins with a Pokédex number of four digits (0001 to 1025)'
name\t'From the file\'s name: a number at its beginning, or the name of a species'
dir\t'From the folder\'s name: a number at its beginning, or the name of a species'
none\t'No class numbers'"
complete -c pokedex -n "__fish_pokedex_using_subcommand frames" -l root -d 'Make the keys of a list of paths relative to this folder, and look for the files of a table below it first' -r -F
complete -c pokedex -n "__fish_pokedex_using_subcommand frames" -l every -d 'Take the first frame of every period of this length (1s, 500ms, 2m), counted from 0 on the film\'s clock [default: 1s]' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand frames" -l fps -d 'The same, so many times a second: 2, 0.5, 30000/1001' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand frames" -l scenes -d 'Take the first frame and each that differs from the one before it by more than this, from 0 to 1 [default: 0.3]' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand frames" -l at -d 'Take the frames that are shown at these times: seconds, 00:02:03, 90%' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand frames" -l distinct -d 'Leave out what looks like the still before it: within so many of 128 bits of a perceptual hash [default: 23]' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand frames" -l size -d 'Make stills smaller until their longer side is N pixels' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand frames" -l encode -d 'How stills are written' -r -f -a "png\t'Lossless, and as small as other programs\' PNG'
jpeg\t'Lossy, quality 90'
webp\t'Lossless WebP, smaller than PNG'"
complete -c pokedex -n "__fish_pokedex_using_subcommand frames" -l shard -d 'Only the rows of this shard, by a hash of their keys: `--shard 3/100` in the third of a hundred runs that share the input' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand frames" -s o -l output -d 'Write the table to this file [default: standard output, when it is not a terminal]' -r -F
complete -c pokedex -n "__fish_pokedex_using_subcommand frames" -l stdout-format -d 'Format of a table on standard output; arrow (an IPC stream) never touches the disk' -r -f -a "parquet\t''
arrow\t'An IPC stream'"
complete -c pokedex -n "__fish_pokedex_using_subcommand frames" -s j -l jobs -d 'Number of threads [default: the number of processors]' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand frames" -s 0 -l null -d 'Paths in a list end with NUL bytes, as `find -print0` writes them'
complete -c pokedex -n "__fish_pokedex_using_subcommand frames" -l all -d 'Take every frame'
complete -c pokedex -n "__fish_pokedex_using_subcommand frames" -l skip-ok -d 'Exit with 0 although inputs were skipped'
complete -c pokedex -n "__fish_pokedex_using_subcommand frames" -l strict -d 'Fail at the first input that cannot be processed'
complete -c pokedex -n "__fish_pokedex_using_subcommand frames" -s q -l quiet -d 'Say only why a command failed'
complete -c pokedex -n "__fish_pokedex_using_subcommand frames" -s v -l verbose -d 'Say what was done as well'
complete -c pokedex -n "__fish_pokedex_using_subcommand frames" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c pokedex -n "__fish_pokedex_using_subcommand convert-rgb" -l ids -d 'Where class numbers come from' -r -f -a "auto\t'From names, if every file or every folder begins with a Pokédex number of four digits (0001 to 1025)'
name\t'From the file\'s name: a number at its beginning, or the name of a species'
dir\t'From the folder\'s name: a number at its beginning, or the name of a species'
none\t'No class numbers'"
complete -c pokedex -n "__fish_pokedex_using_subcommand convert-rgb" -l root -d 'Make the keys of a list of paths relative to this folder, and look for the files of a table below it first' -r -F
complete -c pokedex -n "__fish_pokedex_using_subcommand convert-rgb" -l shard -d 'Only the rows of this shard, by a hash of their keys: `--shard 3/100` in the third of a hundred runs that share the input' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand convert-rgb" -s o -l output -d 'Write to this table, or to this folder when it ends in / or exists [default: a table on standard output]' -r -F
complete -c pokedex -n "__fish_pokedex_using_subcommand convert-rgb" -l stdout-format -d 'Format of a table on standard output; arrow (an IPC stream) never touches the disk' -r -f -a "parquet\t''
arrow\t'An IPC stream'"
complete -c pokedex -n "__fish_pokedex_using_subcommand convert-rgb" -l background -d 'The colour behind transparent pixels: white, black, grey or #rrggbb' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand convert-rgb" -l colours -d 'Which colours the numbers mean: those stored, as models were taught, or sRGB, as the file\'s profile says and people see' -r -f -a "stored\t'Those in the file: what the pipelines take that CLIP and its kin were trained with'
srgb\t'Those of sRGB, as the file\'s profile says'"
complete -c pokedex -n "__fish_pokedex_using_subcommand convert-rgb" -l size -d 'Scale to fit N x N or W x H pixels; what is left over is background' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand convert-rgb" -l encode -d 'How images are written' -r -f -a "png\t'Lossless, and as small as other programs\' PNG'
jpeg\t'Lossy, quality 90'
webp\t'Lossless WebP, smaller than PNG'"
complete -c pokedex -n "__fish_pokedex_using_subcommand convert-rgb" -s j -l jobs -d 'Number of threads [default: the number of processors]' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand convert-rgb" -s 0 -l null -d 'Paths in a list end with NUL bytes, as `find -print0` writes them'
complete -c pokedex -n "__fish_pokedex_using_subcommand convert-rgb" -l skip-ok -d 'Exit with 0 although inputs were skipped'
complete -c pokedex -n "__fish_pokedex_using_subcommand convert-rgb" -l strict -d 'Fail at the first input that cannot be processed'
complete -c pokedex -n "__fish_pokedex_using_subcommand convert-rgb" -s q -l quiet -d 'Say only why a command failed'
complete -c pokedex -n "__fish_pokedex_using_subcommand convert-rgb" -s v -l verbose -d 'Say what was done as well'
complete -c pokedex -n "__fish_pokedex_using_subcommand convert-rgb" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c pokedex -n "__fish_pokedex_using_subcommand split" -l ids -d 'Where class numbers come from' -r -f -a "auto\t'From names, if every file or every folder begins with a Pokédex number of four digits (0001 to 1025)'
name\t'From the file\'s name: a number at its beginning, or the name of a species'
dir\t'From the folder\'s name: a number at its beginning, or the name of a species'
none\t'No class numbers'"
complete -c pokedex -n "__fish_pokedex_using_subcommand split" -l root -d 'Make the keys of a list of paths relative to this folder, and look for the files of a table below it first' -r -F
complete -c pokedex -n "__fish_pokedex_using_subcommand split" -l ratios -d 'Shares of train, validation and test' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand split" -l seed -d 'Another number gives another division' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand split" -l by -d 'The column that holds the class [default: id where there is one, else label]' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand split" -l group -d 'Keep rows with the same value in this column on one side' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand split" -l hash-distance -d 'In how many bits of 256 the perceptual hashes of near copies may differ, from 0 to 31; half of it where the whole pictures are compared, background and all' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand split" -l min-cosine -d 'The cosine that the vectors of near copies have at least [default: 0.999 for vectors of the built-in model, to which another style is no other picture; those of others are compared only if this is given]' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand split" -l vector-column -d 'The column that holds the vectors, if there are any [default: embedding]' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand split" -l min-size -d 'Exclude images whose shorter side has fewer pixels; the column `excluded` says so' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand split" -l keep -d 'Images that have a split keep it, and new ones fill what their classes lack: the splits of the column `split`, or, by content, those of an earlier TABLE' -r -F
complete -c pokedex -n "__fish_pokedex_using_subcommand split" -s o -l output -d 'Write the table to this file [default: standard output, when it is not a terminal]' -r -F
complete -c pokedex -n "__fish_pokedex_using_subcommand split" -l stdout-format -d 'Format of a table on standard output; arrow (an IPC stream) never touches the disk' -r -f -a "parquet\t''
arrow\t'An IPC stream'"
complete -c pokedex -n "__fish_pokedex_using_subcommand split" -s j -l jobs -d 'Number of threads [default: the number of processors]' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand split" -s 0 -l null -d 'Paths in a list end with NUL bytes, as `find -print0` writes them'
complete -c pokedex -n "__fish_pokedex_using_subcommand split" -l near-duplicates -d 'Keep near copies on one side'
complete -c pokedex -n "__fish_pokedex_using_subcommand split" -l no-near-duplicates -d 'Do not look for near copies, as it does not anyway'
complete -c pokedex -n "__fish_pokedex_using_subcommand split" -l skip-ok -d 'Exit with 0 although inputs were skipped'
complete -c pokedex -n "__fish_pokedex_using_subcommand split" -l strict -d 'Fail at the first input that cannot be processed'
complete -c pokedex -n "__fish_pokedex_using_subcommand split" -s q -l quiet -d 'Say only why a command failed'
complete -c pokedex -n "__fish_pokedex_using_subcommand split" -s v -l verbose -d 'Say what was done as well'
complete -c pokedex -n "__fish_pokedex_using_subcommand split" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c pokedex -n "__fish_pokedex_using_subcommand check" -l layout -d 'How the folder is laid out [default: told by its files]' -r -f -a "yolo\t'images/ and labels/ with a text file for each picture, and data.yaml'
imagefolder\t'A folder for each class, in a folder for each split'
coco\t'annotations/*.json and their pictures'
webdataset\t'Shards: tar files in which the files of a sample share a name'"
complete -c pokedex -n "__fish_pokedex_using_subcommand check" -l hash-distance -d 'In how many bits of 256 the perceptual hashes of near copies may differ, as for `split`' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand check" -l warn-below -d 'Warn of pictures with a side of fewer pixels' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand check" -l max-imbalance -d 'Warn where the largest class has more than X times the pictures of the smallest' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand check" -l ratios -d 'Warn of classes that are not divided so [default: as `split` has noted in the table]' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand check" -l labels -d 'Doubt labels by this table of `train --cross-predict`: by confident learning, the most doubtful first' -r -F
complete -c pokedex -n "__fish_pokedex_using_subcommand check" -l limits -d 'From which figure on a picture is poor, as blurred=0.25,dark=0.2 [default: blurred=0.45, dark=0.3, pale=0.95, empty=0.15, odd-aspect=0.35, bars=0.08, tiny-subject=0.05, strip=0.01]' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand check" -l ignore -d 'Leave out these rules: names separated by commas' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand check" -l fail-on -d 'What makes the exit code 4' -r -f -a "error\t'At an error'
warning\t'At a warning too'
never\t'Never'"
complete -c pokedex -n "__fish_pokedex_using_subcommand check" -l format -d 'How the report is written [default: what the file\'s name says, else text]' -r -f -a "text\t'For people'
json\t'One object: a summary, and all findings'
jsonl\t'The findings, one object a line'
tsv\t'The findings, tab-separated, with a header'
csv\t'The findings'
parquet\t'The findings'"
complete -c pokedex -n "__fish_pokedex_using_subcommand check" -l limit -d 'How many findings of a rule the text shows' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand check" -s o -l output -d 'Write the report to this file [default: standard output]' -r -F
complete -c pokedex -n "__fish_pokedex_using_subcommand check" -l findings -d 'Write all findings to this table as well: .csv, .tsv, .jsonl or .parquet' -r -F
complete -c pokedex -n "__fish_pokedex_using_subcommand check" -s j -l jobs -d 'Number of threads [default: the number of processors]' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand check" -l no-pictures -d 'Do not open pictures: hold only the table\'s columns against each other'
complete -c pokedex -n "__fish_pokedex_using_subcommand check" -l no-near-duplicates -d 'Do not look for near copies'
complete -c pokedex -n "__fish_pokedex_using_subcommand check" -l near-duplicates -d 'Look for near copies, as it does anyway'
complete -c pokedex -n "__fish_pokedex_using_subcommand check" -l quality -d 'Measure pictures as well: blurred, dark, pale, empty ones, odd shapes, bars, tiny subjects, strips of writing, bursts'
complete -c pokedex -n "__fish_pokedex_using_subcommand check" -s q -l quiet -d 'Say only why a command failed'
complete -c pokedex -n "__fish_pokedex_using_subcommand check" -s v -l verbose -d 'Say what was done as well'
complete -c pokedex -n "__fish_pokedex_using_subcommand check" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c pokedex -n "__fish_pokedex_using_subcommand dedup" -l ids -d 'Where class numbers come from' -r -f -a "auto\t'From names, if every file or every folder begins with a Pokédex number of four digits (0001 to 1025)'
name\t'From the file\'s name: a number at its beginning, or the name of a species'
dir\t'From the folder\'s name: a number at its beginning, or the name of a species'
none\t'No class numbers'"
complete -c pokedex -n "__fish_pokedex_using_subcommand dedup" -l root -d 'Make the keys of a list of paths relative to this folder, and look for the files of a table below it first' -r -F
complete -c pokedex -n "__fish_pokedex_using_subcommand dedup" -l hash-distance -d 'In how many bits of 256 the perceptual hashes of near copies may differ, from 0 to 31; half of it where the whole pictures are compared, background and all [default: 23]' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand dedup" -l reference -d 'Keep what lies below this folder, and never touch it; it is read as well. Can be given several times' -r -F
complete -c pokedex -n "__fish_pokedex_using_subcommand dedup" -l keep -d 'Which copy is kept, the first rule first: largest (pixels, then bytes), pixels, bytes, best-format, oldest (by EXIF, else by the file), exif (has some), path:GLOB, where:SQL [default: pixels,exif,best-format,bytes,oldest]' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand dedup" -l action -d 'What becomes of the other copies' -r -f -a "report\t'Nothing: they are named'
hardlink\t'They become other names of the file that is kept (identical files only)'
symlink\t'They become links to the file that is kept (identical files only)'
move\t'They go to the folder --to'
trash\t'They go to the trash of the desktop'"
complete -c pokedex -n "__fish_pokedex_using_subcommand dedup" -l to -d 'The folder that copies are moved to, where they lie as below their input' -r -F
complete -c pokedex -n "__fish_pokedex_using_subcommand dedup" -l journal -d 'Where acts are written down [default: beside the output, else dedup.journal]' -r -F
complete -c pokedex -n "__fish_pokedex_using_subcommand dedup" -l undo -d 'Take back what this journal says was done' -r -F
complete -c pokedex -n "__fish_pokedex_using_subcommand dedup" -l format -d 'How copies are shown [default: what the file\'s name says, else text]' -r -f -a "text\t'Group by group, for people'
parquet\t'The rows of groups, with their columns'
csv\t'Comma-separated, with a header'
tsv\t'Tab-separated, with a header'
jsonl\t'One object a line'
paths\t'Paths of the copies that are not kept (keys where there is no path), one a line'"
complete -c pokedex -n "__fish_pokedex_using_subcommand dedup" -s o -l output -d 'Write to this file [default: standard output]' -r -F
complete -c pokedex -n "__fish_pokedex_using_subcommand dedup" -s j -l jobs -d 'Number of threads [default: the number of processors]' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand dedup" -s 0 -l null -d 'Paths in a list end with NUL bytes, as `find -print0` writes them'
complete -c pokedex -n "__fish_pokedex_using_subcommand dedup" -l similar -d 'Copies by their looks, identical ones included, as it does anyway'
complete -c pokedex -n "__fish_pokedex_using_subcommand dedup" -l identical -d 'Only files of the same bytes'
complete -c pokedex -n "__fish_pokedex_using_subcommand dedup" -l any-orientation -d 'Mirrored and turned copies, too'
complete -c pokedex -n "__fish_pokedex_using_subcommand dedup" -l crops -d 'Crops, too: what shows a part of another picture, which is kept. Framed copies and those with a text on them are found more surely as well'
complete -c pokedex -n "__fish_pokedex_using_subcommand dedup" -l merge -d 'Give kept rows what they lack of their copies\' metadata: columns that are null, and words of lists. Nothing is replaced. For tables'
complete -c pokedex -n "__fish_pokedex_using_subcommand dedup" -l all -d 'Keep the rows outside groups in tables'
complete -c pokedex -n "__fish_pokedex_using_subcommand dedup" -l skip-ok -d 'Exit with 0 although inputs were skipped'
complete -c pokedex -n "__fish_pokedex_using_subcommand dedup" -l strict -d 'Fail at the first input that cannot be processed'
complete -c pokedex -n "__fish_pokedex_using_subcommand dedup" -s q -l quiet -d 'Say only why a command failed'
complete -c pokedex -n "__fish_pokedex_using_subcommand dedup" -s v -l verbose -d 'Say what was done as well'
complete -c pokedex -n "__fish_pokedex_using_subcommand dedup" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c pokedex -n "__fish_pokedex_using_subcommand augment" -s o -l output -d 'Write to this table, or to this folder when it ends in / or exists [default: a table on standard output]' -r -F
complete -c pokedex -n "__fish_pokedex_using_subcommand augment" -l stdout-format -d 'Format of a table on standard output; arrow (an IPC stream) never touches the disk' -r -f -a "parquet\t''
arrow\t'An IPC stream'"
complete -c pokedex -n "__fish_pokedex_using_subcommand augment" -l floor -d 'Bring every class of train to at least N pictures' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand augment" -l copies -d 'Make N copies of every picture of train [default: 1, or 0 with --floor]' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand augment" -l recipe -d 'What is done to pictures, as --print-recipe shows it' -r -F
complete -c pokedex -n "__fish_pokedex_using_subcommand augment" -l strength -d 'How strongly the recipe is applied: 1 as it is, 0 not at all; a range gives copies different ones, for a curriculum' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand augment" -l seed -d 'Another number draws other changes' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand augment" -l by -d 'The column that holds the class [default: id where there is one, else label]' -r -f -a "id\t''
label\t''"
complete -c pokedex -n "__fish_pokedex_using_subcommand augment" -l background -d 'The colour behind transparent pixels and around what was moved: white, black, grey or #rrggbb' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand augment" -l background-images -d 'Put pictures with transparency before pictures of this folder too' -r -F
complete -c pokedex -n "__fish_pokedex_using_subcommand augment" -l size -d 'Make copies of N x N or W x H pixels [default: the size of their parents]' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand augment" -l encode -d 'How copies are written' -r -f -a "png\t'Lossless, and as small as other programs\' PNG'
jpeg\t'Lossy, quality 90'
webp\t'Lossless WebP, smaller than PNG'"
complete -c pokedex -n "__fish_pokedex_using_subcommand augment" -l preview -d 'Draw a contact sheet (PNG): the first pictures of train and their copies, with boxes; without -o nothing else' -r -F
complete -c pokedex -n "__fish_pokedex_using_subcommand augment" -s j -l jobs -d 'Number of threads [default: the number of processors]' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand augment" -l print-recipe -d 'Print the default recipe, to be edited, and end'
complete -c pokedex -n "__fish_pokedex_using_subcommand augment" -l only-new -d 'Leave out the rows that were read: write the copies alone'
complete -c pokedex -n "__fish_pokedex_using_subcommand augment" -l skip-ok -d 'Exit with 0 although inputs were skipped'
complete -c pokedex -n "__fish_pokedex_using_subcommand augment" -l strict -d 'Fail at the first input that cannot be processed'
complete -c pokedex -n "__fish_pokedex_using_subcommand augment" -s q -l quiet -d 'Say only why a command failed'
complete -c pokedex -n "__fish_pokedex_using_subcommand augment" -s v -l verbose -d 'Say what was done as well'
complete -c pokedex -n "__fish_pokedex_using_subcommand augment" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c pokedex -n "__fish_pokedex_using_subcommand read" -l ids -d 'Where class numbers come from' -r -f -a "auto\t'From names, if every file or every folder begins with a Pokédex number of four digits (0001 to 1025)'
name\t'From the file\'s name: a number at its beginning, or the name of a species'
dir\t'From the folder\'s name: a number at its beginning, or the name of a species'
none\t'No class numbers'"
complete -c pokedex -n "__fish_pokedex_using_subcommand read" -l root -d 'Make the keys of a list of paths relative to this folder, and look for the files of a table below it first' -r -F
complete -c pokedex -n "__fish_pokedex_using_subcommand read" -l shard -d 'Only the rows of this shard, by a hash of their keys: `--shard 3/100` in the third of a hundred runs that share the input' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand read" -l model -d 'A folder of the models folder, or any (with a slash) [default: the first that is installed, else that of rapidocr]' -r -a '(pokedex model list 2>/dev/null | sed 1d | cut -f1)'
complete -c pokedex -n "__fish_pokedex_using_subcommand read" -l min-score -d 'Leave out lines of which the model is less sure' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand read" -l max-side -d 'Look at pictures with their longer side no longer than N pixels: more finds smaller letters and takes more time and memory' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand read" -l as -d 'Name of the new column; that of the lines is NAME_boxes' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand read" -l engine -d 'What runs the model; the built-in model and .rten files always run in rten [default: auto]' -r -f -a "auto\t'ONNX Runtime for many inputs where it is installed, else rten'
rten\t'The engine in the binary'
ort\t'ONNX Runtime, a shared library that must be installed'"
complete -c pokedex -n "__fish_pokedex_using_subcommand read" -l device -d 'Where ONNX Runtime computes [default: cpu]' -r -f -a "cpu\t''
cuda\t'An NVIDIA GPU, through a GPU build of ONNX Runtime'"
complete -c pokedex -n "__fish_pokedex_using_subcommand read" -s o -l output -d 'Write the table to this file [default: standard output, when it is not a terminal]' -r -F
complete -c pokedex -n "__fish_pokedex_using_subcommand read" -l stdout-format -d 'Format of a table on standard output; arrow (an IPC stream) never touches the disk' -r -f -a "parquet\t''
arrow\t'An IPC stream'"
complete -c pokedex -n "__fish_pokedex_using_subcommand read" -s j -l jobs -d 'Number of threads [default: the number of processors]' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand read" -s 0 -l null -d 'Paths in a list end with NUL bytes, as `find -print0` writes them'
complete -c pokedex -n "__fish_pokedex_using_subcommand read" -l keep-images -d 'Keep the images themselves in the table'
complete -c pokedex -n "__fish_pokedex_using_subcommand read" -l skip-ok -d 'Exit with 0 although inputs were skipped'
complete -c pokedex -n "__fish_pokedex_using_subcommand read" -l strict -d 'Fail at the first input that cannot be processed'
complete -c pokedex -n "__fish_pokedex_using_subcommand read" -s q -l quiet -d 'Say only why a command failed'
complete -c pokedex -n "__fish_pokedex_using_subcommand read" -s v -l verbose -d 'Say what was done as well'
complete -c pokedex -n "__fish_pokedex_using_subcommand read" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c pokedex -n "__fish_pokedex_using_subcommand embed" -l ids -d 'Where class numbers come from' -r -f -a "auto\t'From names, if every file or every folder begins with a Pokédex number of four digits (0001 to 1025)'
name\t'From the file\'s name: a number at its beginning, or the name of a species'
dir\t'From the folder\'s name: a number at its beginning, or the name of a species'
none\t'No class numbers'"
complete -c pokedex -n "__fish_pokedex_using_subcommand embed" -l root -d 'Make the keys of a list of paths relative to this folder, and look for the files of a table below it first' -r -F
complete -c pokedex -n "__fish_pokedex_using_subcommand embed" -l shard -d 'Only the rows of this shard, by a hash of their keys: `--shard 3/100` in the third of a hundred runs that share the input' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand embed" -l model -d 'A model\'s name, or its folder (with a slash), and perhaps a variant (clip:int8); or an .onnx file; see `pokedex model`' -r -a '(pokedex model list 2>/dev/null | sed 1d | cut -f1)'
complete -c pokedex -n "__fish_pokedex_using_subcommand embed" -l layer -d 'The output of an .onnx file, or a value inside its graph, that is the vector; the mean of one with a height and a width (the same as FILE.onnx#NAME)' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand embed" -l text -d 'Embed this text column instead of images' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand embed" -l as -d 'Name of the new column' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand embed" -l batch -d 'Images that go through the model at once [default: 1 for small models, 4 for ONNX models]' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand embed" -l engine -d 'What runs the model; the built-in model and .rten files always run in rten [default: auto]' -r -f -a "auto\t'ONNX Runtime for many inputs where it is installed, else rten'
rten\t'The engine in the binary'
ort\t'ONNX Runtime, a shared library that must be installed'"
complete -c pokedex -n "__fish_pokedex_using_subcommand embed" -l device -d 'Where ONNX Runtime computes [default: cpu]' -r -f -a "cpu\t''
cuda\t'An NVIDIA GPU, through a GPU build of ONNX Runtime'"
complete -c pokedex -n "__fish_pokedex_using_subcommand embed" -s o -l output -d 'Write the table to this file [default: standard output, when it is not a terminal]' -r -F
complete -c pokedex -n "__fish_pokedex_using_subcommand embed" -l stdout-format -d 'Format of a table on standard output; arrow (an IPC stream) never touches the disk' -r -f -a "parquet\t''
arrow\t'An IPC stream'"
complete -c pokedex -n "__fish_pokedex_using_subcommand embed" -s j -l jobs -d 'Number of threads [default: the number of processors]' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand embed" -s 0 -l null -d 'Paths in a list end with NUL bytes, as `find -print0` writes them'
complete -c pokedex -n "__fish_pokedex_using_subcommand embed" -l keep-images -d 'Keep the images themselves in the table'
complete -c pokedex -n "__fish_pokedex_using_subcommand embed" -l no-cache -d 'Neither use nor fill the cache'
complete -c pokedex -n "__fish_pokedex_using_subcommand embed" -l skip-ok -d 'Exit with 0 although inputs were skipped'
complete -c pokedex -n "__fish_pokedex_using_subcommand embed" -l strict -d 'Fail at the first input that cannot be processed'
complete -c pokedex -n "__fish_pokedex_using_subcommand embed" -s q -l quiet -d 'Say only why a command failed'
complete -c pokedex -n "__fish_pokedex_using_subcommand embed" -s v -l verbose -d 'Say what was done as well'
complete -c pokedex -n "__fish_pokedex_using_subcommand embed" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c pokedex -n "__fish_pokedex_using_subcommand index; and not __fish_seen_subcommand_from info" -l columns -d 'Columns to keep beside keys, ids, labels and paths: names separated by commas, or all' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand index; and not __fish_seen_subcommand_from info" -l vector-column -d 'The column that holds the vectors' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand index; and not __fish_seen_subcommand_from info" -l model -d 'The model that made the vectors, for tables that do not say; unknown: search by stored rows only' -r -a '(pokedex model list 2>/dev/null | sed 1d | cut -f1)'
complete -c pokedex -n "__fish_pokedex_using_subcommand index; and not __fish_seen_subcommand_from info" -l kind -d 'What makes searching quick [default: auto, by the number of rows]' -r -f -a "auto\t'table below ten thousand rows, exact below three million, graph above; table for standard output'
table\t'Nothing beside the table, which is read from end to end'
exact\t'A packed copy: the same results, many times as fast'
annoy\t'The packed copy and Annoy\'s trees: approximate; spotify\'s annoy reads them too'
graph\t'The packed copy and a graph of near rows: approximate, the fastest for millions of rows'"
complete -c pokedex -n "__fish_pokedex_using_subcommand index; and not __fish_seen_subcommand_from info" -l trees -d 'Annoy\'s trees: more find more and take more room' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand index; and not __fish_seen_subcommand_from info" -l seed -d 'Seed of Annoy\'s planes' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand index; and not __fish_seen_subcommand_from info" -l degree -d 'Neighbours of a row in a graph: more find more and take more room' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand index; and not __fish_seen_subcommand_from info" -s j -l jobs -d 'Number of threads [default: the number of processors]' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand index; and not __fish_seen_subcommand_from info" -s o -l output -d 'Write the table to this file [default: standard output, when it is not a terminal]' -r -F
complete -c pokedex -n "__fish_pokedex_using_subcommand index; and not __fish_seen_subcommand_from info" -l stdout-format -d 'Format of a table on standard output; arrow (an IPC stream) never touches the disk' -r -f -a "parquet\t''
arrow\t'An IPC stream'"
complete -c pokedex -n "__fish_pokedex_using_subcommand index; and not __fish_seen_subcommand_from info" -l check-recall -d 'Measure, on a thousand rows, how many of the ten nearest an approximate kind finds, and note it in the index'
complete -c pokedex -n "__fish_pokedex_using_subcommand index; and not __fish_seen_subcommand_from info" -s q -l quiet -d 'Say only why a command failed'
complete -c pokedex -n "__fish_pokedex_using_subcommand index; and not __fish_seen_subcommand_from info" -s v -l verbose -d 'Say what was done as well'
complete -c pokedex -n "__fish_pokedex_using_subcommand index; and not __fish_seen_subcommand_from info" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c pokedex -n "__fish_pokedex_using_subcommand index; and not __fish_seen_subcommand_from info" -a "info" -d 'Show what an index is, what lies beside it, and whether that belongs to it'
complete -c pokedex -n "__fish_pokedex_using_subcommand index; and __fish_seen_subcommand_from info" -l verify -d 'Look at every byte of the packed copy; takes a second for some gigabytes'
complete -c pokedex -n "__fish_pokedex_using_subcommand index; and __fish_seen_subcommand_from info" -l json -d 'As JSON'
complete -c pokedex -n "__fish_pokedex_using_subcommand index; and __fish_seen_subcommand_from info" -s q -l quiet -d 'Say only why a command failed'
complete -c pokedex -n "__fish_pokedex_using_subcommand index; and __fish_seen_subcommand_from info" -s v -l verbose -d 'Say what was done as well'
complete -c pokedex -n "__fish_pokedex_using_subcommand index; and __fish_seen_subcommand_from info" -s h -l help -d 'Print help'
complete -c pokedex -n "__fish_pokedex_using_subcommand map" -l method -d 'How vectors are laid out' -r -f -a "umap\t'Near rows near each other, whatever becomes of far ones'
pca\t'Along the two directions in which the vectors differ most'"
complete -c pokedex -n "__fish_pokedex_using_subcommand map" -l neighbours -d 'How many rows a row\'s surroundings have, itself among them: few show what is fine, many what is large' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand map" -l min-dist -d 'How near to each other places may be, from 0 to 3: more spreads clusters' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand map" -l seed -d 'Another number gives another map' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand map" -l into -d 'Place the rows among those of this map, which stay where they are' -r -F
complete -c pokedex -n "__fish_pokedex_using_subcommand map" -l clusters -d 'Which clusters are told: as many as stand out (auto), so many (N), or none' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand map" -l vector-column -d 'The column that holds the vectors' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand map" -l plot -d 'Draw the map to this file: .svg, .png or .html' -r -F
complete -c pokedex -n "__fish_pokedex_using_subcommand map" -l title -d 'What stands over the plot [default: the name of the table]' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand map" -l plot-width -d 'How many pixels wide a .png is [default: 2400]' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand map" -l colour-by -d 'Colour points by the words of this column [default: by cluster]' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand map" -l thumbnails -d 'Show pictures in the place of points where there is room, with sides of N pixels at most' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand map" -s o -l output -d 'Write the table to this file [default: standard output, when it is not a terminal]' -r -F
complete -c pokedex -n "__fish_pokedex_using_subcommand map" -l stdout-format -d 'Format of a table on standard output; arrow (an IPC stream) never touches the disk' -r -f -a "parquet\t''
arrow\t'An IPC stream'"
complete -c pokedex -n "__fish_pokedex_using_subcommand map" -s j -l jobs -d 'Number of threads [default: the number of processors]' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand map" -l skip-ok -d 'Exit with 0 although inputs were skipped'
complete -c pokedex -n "__fish_pokedex_using_subcommand map" -l strict -d 'Fail at the first input that cannot be processed'
complete -c pokedex -n "__fish_pokedex_using_subcommand map" -s q -l quiet -d 'Say only why a command failed'
complete -c pokedex -n "__fish_pokedex_using_subcommand map" -s v -l verbose -d 'Say what was done as well'
complete -c pokedex -n "__fish_pokedex_using_subcommand map" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c pokedex -n "__fish_pokedex_using_subcommand query" -l index -d 'The table to search, or a folder with one [default: the built-in Pokédex, pokedex:]; - for standard input' -r -F
complete -c pokedex -n "__fish_pokedex_using_subcommand query" -s n -l top -d 'How many rows to show' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand query" -l id -d 'Search by the stored rows of this class, as the term id:N; a species\' name is its number' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand query" -l by -d 'What rows of an index are found by [default: both]' -r -f -a "both\t'By their vectors, and by the words in their texts where there are texts'
looks\t'By their vectors alone'
words\t'By the words in their texts alone; no model is needed, nor vectors'"
complete -c pokedex -n "__fish_pokedex_using_subcommand query" -l words-in -d 'Look for words in these columns of an index, too [default: text, where it has that]' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand query" -l queries -d 'Many queries: one a line (- for standard input), or a table or .npy of vectors' -r -F
complete -c pokedex -n "__fish_pokedex_using_subcommand query" -l model -d 'The model that embeds the query [default: the one that made the index]' -r -a '(pokedex model list 2>/dev/null | sed 1d | cut -f1)'
complete -c pokedex -n "__fish_pokedex_using_subcommand query" -l engine -d 'What runs the model of an index; the built-in one always runs in rten [default: auto]' -r -f -a "auto\t'ONNX Runtime for many inputs where it is installed, else rten'
rten\t'The engine in the binary'
ort\t'ONNX Runtime, a shared library that must be installed'"
complete -c pokedex -n "__fish_pokedex_using_subcommand query" -l vector-column -d 'The column that holds the vectors' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand query" -l where -d 'Find only rows for which this holds: SQL over the columns of the table' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand query" -l sort -d 'Order by a column; of what words find the best --top are ordered, without words all rows' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand query" -l offset -d 'Leave out the first N of the result' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand query" -l min-score -d 'Leave out rows with a lower score' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand query" -l diverse -d 'Avoid rows that are much like those before them; 0 not at all, 1 whatever their score [default without a value: 0.5]' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand query" -l search-k -d 'How many candidates Annoy\'s trees are asked for [default: --top times the trees, at least 1000]' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand query" -l beam -d 'How many rows a search in a graph keeps in sight: more finds more and is slower [default: 64]' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand query" -l dim -d 'Numbers in a vector of an Annoy file by another program' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand query" -l metric -d 'What an Annoy file by another program was built with; the score is the cosine, the distance below zero, or the product' -r -f -a "angular\t'The angle: `sqrt(2 - 2 cosine)`'
euclidean\t'The distance'
manhattan\t'The sum of the differences'
dot\t'The greatest inner product'"
complete -c pokedex -n "__fish_pokedex_using_subcommand query" -l columns -d 'Show only these columns, in this order: rank, score, query, parts and those of the table; names separated by commas' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand query" -l lang -d 'Show the names of species in this language, too, as `name`: de, en, es, fr, it, ja, ja-latn, ko, zh-hans, zh-hant' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand query" -l format -d 'How to show the result [default: what the file\'s name says, else an aligned table on a terminal, else tsv]' -r -f -a "table\t'Aligned columns, for people'
tsv\t'Tab-separated, with a header'
csv\t''
json\t'One array of objects'
jsonl\t'One object a line'
parquet\t''
paths\t'Paths only (keys where there is no path), one a line'"
complete -c pokedex -n "__fish_pokedex_using_subcommand query" -s o -l output -d 'Write the result to this file [default: standard output]' -r -F
complete -c pokedex -n "__fish_pokedex_using_subcommand query" -l preview -d 'Draw the hits\' pictures below the table, if standard output is a terminal; with =PROTOCOL always' -r -f -a "auto\t'As the terminal says in the environment that it can, else as blocks'
kitty\t''
iterm2\t''
sixel\t''
blocks\t'Half blocks, in 24-bit colours if COLORTERM says so, else in 256'"
complete -c pokedex -n "__fish_pokedex_using_subcommand query" -l literal -d 'Take words as they are: "gen 7 ghost" is no condition then, and "Glurak" no name'
complete -c pokedex -n "__fish_pokedex_using_subcommand query" -l forms -d 'Search other forms of species, too: Megas, those of regions, Gigantamax'
complete -c pokedex -n "__fish_pokedex_using_subcommand query" -l explain -d 'Show what each term adds to the score'
complete -c pokedex -n "__fish_pokedex_using_subcommand query" -l exact -d 'Leave trees and graphs aside: every row is compared'
complete -c pokedex -n "__fish_pokedex_using_subcommand query" -s 0 -l null -d 'Paths end with NUL bytes, for xargs -0'
complete -c pokedex -n "__fish_pokedex_using_subcommand query" -l open -d 'Open the hits\' pictures in the desktop\'s viewer, films at their times in mpv or vlc, no more than 20 or --top'
complete -c pokedex -n "__fish_pokedex_using_subcommand query" -s q -l quiet -d 'Say only why a command failed'
complete -c pokedex -n "__fish_pokedex_using_subcommand query" -s v -l verbose -d 'Say what was done as well'
complete -c pokedex -n "__fish_pokedex_using_subcommand query" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c pokedex -n "__fish_pokedex_using_subcommand serve" -l index -d 'The table to show [default: the built-in Pokédex]' -r -F
complete -c pokedex -n "__fish_pokedex_using_subcommand serve" -l images -d 'A folder in which the pictures are; also for the built-in Pokédex, by the names or numbers of its files' -r -F
complete -c pokedex -n "__fish_pokedex_using_subcommand serve" -l head -d 'What tells classes of a picture apart, as `train` writes it [default: the labelled rows, or the 1025 species]' -r -F
complete -c pokedex -n "__fish_pokedex_using_subcommand serve" -l model -d 'The model that embeds questions [default: the one that made the index]' -r -a '(pokedex model list 2>/dev/null | sed 1d | cut -f1)'
complete -c pokedex -n "__fish_pokedex_using_subcommand serve" -l engine -d 'What runs the model of an index; the built-in one always runs in rten [default: auto]' -r -f -a "auto\t'ONNX Runtime for many inputs where it is installed, else rten'
rten\t'The engine in the binary'
ort\t'ONNX Runtime, a shared library that must be installed'"
complete -c pokedex -n "__fish_pokedex_using_subcommand serve" -l vector-column -d 'The column that holds the vectors' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand serve" -s p -l port -d 'The port; 0 takes any that is free' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand serve" -l listen -d 'The address to listen at; beyond this machine --token is needed' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand serve" -l token -d 'What whoever asks has to say: as ?token= at the page\'s address, or as `Authorization: Bearer`' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand serve" -l host -d 'A name by which this machine is called, beside localhost and its addresses' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand serve" -l cors -d 'Let pages of this origin ask (scheme and name, as a browser sends them)' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand serve" -l open-to-all -d 'Let anybody in the network look, without a token'
complete -c pokedex -n "__fish_pokedex_using_subcommand serve" -l open -d 'Open the page in the browser'
complete -c pokedex -n "__fish_pokedex_using_subcommand serve" -s q -l quiet -d 'Say only why a command failed'
complete -c pokedex -n "__fish_pokedex_using_subcommand serve" -s v -l verbose -d 'Say what was done as well'
complete -c pokedex -n "__fish_pokedex_using_subcommand serve" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c pokedex -n "__fish_pokedex_using_subcommand mcp" -l index -d 'The table to search [default: the built-in Pokédex]' -r -F
complete -c pokedex -n "__fish_pokedex_using_subcommand mcp" -l images -d 'A folder in which the pictures are; also for the built-in Pokédex, by the names or numbers of its files' -r -F
complete -c pokedex -n "__fish_pokedex_using_subcommand mcp" -l root -d 'A folder below which pictures may be classified and data sets checked' -r -F
complete -c pokedex -n "__fish_pokedex_using_subcommand mcp" -l head -d 'What tells classes of a picture apart, as `train` writes it [default: the labelled rows, or the 1025 species]' -r -F
complete -c pokedex -n "__fish_pokedex_using_subcommand mcp" -l model -d 'The model that embeds questions [default: the one that made the index]' -r -a '(pokedex model list 2>/dev/null | sed 1d | cut -f1)'
complete -c pokedex -n "__fish_pokedex_using_subcommand mcp" -l engine -d 'What runs the model of an index; the built-in one always runs in rten [default: auto]' -r -f -a "auto\t'ONNX Runtime for many inputs where it is installed, else rten'
rten\t'The engine in the binary'
ort\t'ONNX Runtime, a shared library that must be installed'"
complete -c pokedex -n "__fish_pokedex_using_subcommand mcp" -s q -l quiet -d 'Say only why a command failed'
complete -c pokedex -n "__fish_pokedex_using_subcommand mcp" -s v -l verbose -d 'Say what was done as well'
complete -c pokedex -n "__fish_pokedex_using_subcommand mcp" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c pokedex -n "__fish_pokedex_using_subcommand sample" -s n -l rows -d 'How many rows' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand sample" -l prune -d 'All but this share of the rows: 0.3 keeps 70 %' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand sample" -l by -d 'What makes a row worth choosing: diverse, typical, rare, uncertain, balanced, random, or several with weights' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand sample" -l stratify -d 'Give every value of this column the share of rows that it has in the table' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand sample" -l class -d 'The column of the class, for --by balanced [default: label]' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand sample" -l already -d 'A table of rows that were chosen before, known by `key` or `content_hash`: they are not chosen again, and what is like them is not `diverse`' -r -F
complete -c pokedex -n "__fish_pokedex_using_subcommand sample" -l seed -d 'Another number gives another choice between equals' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand sample" -l vector-column -d 'The column that holds the vectors' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand sample" -s o -l output -d 'Write the table to this file [default: standard output, when it is not a terminal]' -r -F
complete -c pokedex -n "__fish_pokedex_using_subcommand sample" -l stdout-format -d 'Format of a table on standard output; arrow (an IPC stream) never touches the disk' -r -f -a "parquet\t''
arrow\t'An IPC stream'"
complete -c pokedex -n "__fish_pokedex_using_subcommand sample" -s j -l jobs -d 'Number of threads [default: the number of processors]' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand sample" -l all -d 'Write the rows that are not chosen as well, without an order'
complete -c pokedex -n "__fish_pokedex_using_subcommand sample" -l skip-ok -d 'Exit with 0 although inputs were skipped'
complete -c pokedex -n "__fish_pokedex_using_subcommand sample" -l strict -d 'Fail at the first input that cannot be processed'
complete -c pokedex -n "__fish_pokedex_using_subcommand sample" -s q -l quiet -d 'Say only why a command failed'
complete -c pokedex -n "__fish_pokedex_using_subcommand sample" -s v -l verbose -d 'Say what was done as well'
complete -c pokedex -n "__fish_pokedex_using_subcommand sample" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c pokedex -n "__fish_pokedex_using_subcommand train" -l method -d 'How the head decides, or that a model is learnt' -r -f -a "linear\t'Multinomial logistic regression'
centroid\t'The cosine to the mean of each class'
knn\t'The votes of the nearest rows'
adapter\t'No head but a model: the one that made the vectors, and a linear map of them'"
complete -c pokedex -n "__fish_pokedex_using_subcommand train" -l by -d 'The column that holds the class' -r -f -a "label\t''
id\t''
prediction\t'What `classify` said, of rows that it did not reject (pseudo-labels)'"
complete -c pokedex -n "__fish_pokedex_using_subcommand train" -l vector-column -d 'The column that holds the vectors, or several, side by side: names separated by commas' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand train" -l with -d 'A table with the same keys and more vector columns; may be repeated' -r -F
complete -c pokedex -n "__fish_pokedex_using_subcommand train" -l l2 -d 'Penalty on the weights of a linear head, 1 / (C · rows) in scikit-learn\'s terms, or on what an adapter changes [default: the best on validation]' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand train" -l neighbours -d 'How many neighbours vote in a k-NN head [default: the best on validation]' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand train" -l steps -d 'Most steps of a linear head or an adapter for one penalty' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand train" -l tolerance -d 'Relative decrease of their objective that is not worth another step' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand train" -l coverage -d 'Reject so many rows that this share of the validation is accepted' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand train" -l accuracy -d 'Reject so many rows that this share of those accepted in the validation is right' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand train" -l validation -d 'Share of each class that is set aside to choose by, where the table has no validation; 0: none' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand train" -l seed -d 'Another number sets other rows aside' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand train" -l captions -d 'The column that holds a caption of each picture, for an adapter' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand train" -l model -d 'The model that made the vectors, where an adapter is learnt and it is not installed by name' -r -a '(pokedex model list 2>/dev/null | sed 1d | cut -f1)'
complete -c pokedex -n "__fish_pokedex_using_subcommand train" -l cross-predict -d 'Instead of a head, write the table with what K heads say of rows that they did not learn from, for `check --labels`' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand train" -s o -l output -d 'Write the head to this file, or the adapter to this folder' -r -F
complete -c pokedex -n "__fish_pokedex_using_subcommand train" -l log -d 'Add settings, figures and the training curve to this table of runs' -r -F
complete -c pokedex -n "__fish_pokedex_using_subcommand train" -s j -l jobs -d 'Number of threads [default: the number of processors]' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand train" -l balance -d 'Let small classes of a linear head weigh as much as large ones'
complete -c pokedex -n "__fish_pokedex_using_subcommand train" -l no-scale -d 'Leave features as they are [default: scaled to mean 0 and deviation 1 where linear or of several columns]'
complete -c pokedex -n "__fish_pokedex_using_subcommand train" -l force -d 'Replace files in the folder of an adapter that no earlier run made'
complete -c pokedex -n "__fish_pokedex_using_subcommand train" -l no-cache -d 'Neither go on with a training that was killed nor keep what one could go on with'
complete -c pokedex -n "__fish_pokedex_using_subcommand train" -l skip-ok -d 'Exit with 0 although inputs were skipped'
complete -c pokedex -n "__fish_pokedex_using_subcommand train" -l strict -d 'Fail at the first input that cannot be processed'
complete -c pokedex -n "__fish_pokedex_using_subcommand train" -s q -l quiet -d 'Say only why a command failed'
complete -c pokedex -n "__fish_pokedex_using_subcommand train" -s v -l verbose -d 'Say what was done as well'
complete -c pokedex -n "__fish_pokedex_using_subcommand train" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c pokedex -n "__fish_pokedex_using_subcommand classify" -l ids -d 'Where class numbers come from' -r -f -a "auto\t'From names, if every file or every folder begins with a Pokédex number of four digits (0001 to 1025)'
name\t'From the file\'s name: a number at its beginning, or the name of a species'
dir\t'From the folder\'s name: a number at its beginning, or the name of a species'
none\t'No class numbers'"
complete -c pokedex -n "__fish_pokedex_using_subcommand classify" -l root -d 'Make the keys of a list of paths relative to this folder, and look for the files of a table below it first' -r -F
complete -c pokedex -n "__fish_pokedex_using_subcommand classify" -l shard -d 'Only the rows of this shard, by a hash of their keys: `--shard 3/100` in the third of a hundred runs that share the input' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand classify" -l head -d 'A head that `train` made' -r -F
complete -c pokedex -n "__fish_pokedex_using_subcommand classify" -l labels -d 'A file with one label a line, to compare images with (of an ONNX classifier: the names of its classes)' -r -F
complete -c pokedex -n "__fish_pokedex_using_subcommand classify" -l prompt -d 'What to say of a label, {} being the label; of several the mean counts [default: {}]' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand classify" -l scale -d 'What a cosine is multiplied by before softmax [default: 100; of the built-in model 20]' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand classify" -l index -d 'A table of labelled vectors, whose nearest rows vote' -r -F
complete -c pokedex -n "__fish_pokedex_using_subcommand classify" -l neighbours -d 'How many rows of the index vote' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand classify" -l model -d 'A ready-made classifier (an .onnx file, or a folder with one); or with --labels the model that reads them, by name or folder' -r -a '(pokedex model list 2>/dev/null | sed 1d | cut -f1)'
complete -c pokedex -n "__fish_pokedex_using_subcommand classify" -l confidence -d 'Of a detector: boxes with a lower score are none' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand classify" -l iou -d 'Of a detector: of two boxes that overlap by more than this share the better one stays' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand classify" -l vector-column -d 'The column that holds the vectors' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand classify" -s n -l top -d 'How many of the best classes to keep' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand classify" -l min-score -d 'Reject a row whose best score is lower [default: what the head says]' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand classify" -l min-margin -d 'Reject a row whose best score is not this much above the second [default: what the head says]' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand classify" -l roll-up -d 'Where a class is rejected, answer its group, of the first of these levels where one is likely enough: line,type, or columns of --groups' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand classify" -l groups -d 'What classes are kinds of: a table or CSV with `label` and a column a level [default: the Pokédex; with --index that table]' -r -F
complete -c pokedex -n "__fish_pokedex_using_subcommand classify" -l min-group-score -d 'A group that is less likely is no answer' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand classify" -l engine -d 'What runs the model; the built-in model and .rten files always run in rten [default: auto]' -r -f -a "auto\t'ONNX Runtime for many inputs where it is installed, else rten'
rten\t'The engine in the binary'
ort\t'ONNX Runtime, a shared library that must be installed'"
complete -c pokedex -n "__fish_pokedex_using_subcommand classify" -l device -d 'Where ONNX Runtime computes [default: cpu]' -r -f -a "cpu\t''
cuda\t'An NVIDIA GPU, through a GPU build of ONNX Runtime'"
complete -c pokedex -n "__fish_pokedex_using_subcommand classify" -l format -d 'How to show the result [default: what the file\'s name says, parquet where it says nothing; an aligned table on a terminal, else tsv]' -r -f -a "table\t'Aligned columns, for people'
tsv\t'Tab-separated, with a header'
csv\t''
json\t'One array of objects'
jsonl\t'One object a line'
parquet\t''
paths\t'Paths only (keys where there is no path), one a line'"
complete -c pokedex -n "__fish_pokedex_using_subcommand classify" -s o -l output -d 'Write to this file [default: standard output]' -r -F
complete -c pokedex -n "__fish_pokedex_using_subcommand classify" -s j -l jobs -d 'Number of threads [default: the number of processors]' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand classify" -s 0 -l null -d 'Paths in a list end with NUL bytes, as `find -print0` writes them'
complete -c pokedex -n "__fish_pokedex_using_subcommand classify" -l boxes -d 'Of a detector: keep all boxes, in a column `boxes` (pixels of the upright image)'
complete -c pokedex -n "__fish_pokedex_using_subcommand classify" -l no-cache -d 'Neither use nor fill the cache of vectors'
complete -c pokedex -n "__fish_pokedex_using_subcommand classify" -l record-time -d 'Add a column `seconds`: how long each row took'
complete -c pokedex -n "__fish_pokedex_using_subcommand classify" -l skip-ok -d 'Exit with 0 although inputs were skipped'
complete -c pokedex -n "__fish_pokedex_using_subcommand classify" -l strict -d 'Fail at the first input that cannot be processed'
complete -c pokedex -n "__fish_pokedex_using_subcommand classify" -s q -l quiet -d 'Say only why a command failed'
complete -c pokedex -n "__fish_pokedex_using_subcommand classify" -s v -l verbose -d 'Say what was done as well'
complete -c pokedex -n "__fish_pokedex_using_subcommand classify" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c pokedex -n "__fish_pokedex_using_subcommand evaluate" -l truth -d 'The column that holds the true class' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand evaluate" -l prediction -d 'The column that holds the best prediction [default: prediction_1; further ones are prediction_2, …]' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand evaluate" -l score -d 'The column that holds its score, a probability [default: score_1, where there is one]' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand evaluate" -l by -d 'One group of figures for every value of this column, then all' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand evaluate" -l split -d 'Look only at the rows of this split' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand evaluate" -l report -d 'Write tables, figures and a page with plots and pictures to this folder' -r -F
complete -c pokedex -n "__fish_pokedex_using_subcommand evaluate" -l compare -d 'Test against other predictions of the same keys, or list the runs of a log' -r -F
complete -c pokedex -n "__fish_pokedex_using_subcommand evaluate" -l log -d 'Add the figures to this log of runs; its training curve goes into the report' -r -F
complete -c pokedex -n "__fish_pokedex_using_subcommand evaluate" -l format -d 'How to show the figures [default: what the file\'s name says, else an aligned table on a terminal, else tsv]' -r -f -a "table\t'Aligned columns, for people'
tsv\t'A line for each figure: its name, its value, the bounds of its interval'
csv\t''
json\t'One object with a key for every figure'
jsonl\t'One object a line: one for each group, then all'
parquet\t'The object as a row; one for each group, then all'"
complete -c pokedex -n "__fish_pokedex_using_subcommand evaluate" -s o -l output -d 'Write the figures to this file [default: standard output]' -r -F
complete -c pokedex -n "__fish_pokedex_using_subcommand evaluate" -l seed -d 'Another number draws other resamples' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand evaluate" -l bootstrap -d 'Resamples for the intervals; 0 gives none' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand evaluate" -s j -l jobs -d 'Number of threads [default: the number of processors]' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand evaluate" -s q -l quiet -d 'Say only why a command failed'
complete -c pokedex -n "__fish_pokedex_using_subcommand evaluate" -s v -l verbose -d 'Say what was done as well'
complete -c pokedex -n "__fish_pokedex_using_subcommand evaluate" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c pokedex -n "__fish_pokedex_using_subcommand export" -l format -d 'What to write [default: what the file\'s name says, else an aligned table on a terminal, else tsv]' -r -f -a "csv\t'Cells separated by commas'
tsv\t'Cells separated by tabs, nothing quoted'
jsonl\t'One JSON object a line'
json\t'One JSON array of objects'
parquet\t'The table again, with the columns and rows that are chosen'
arrow\t'The table as an Arrow file (Feather); to standard output as a stream'
table\t'Aligned columns, for people'
npy\t'The vectors as a NumPy array: float32, rows × dimension; FILE.keys.csv says which row is which'
faiss\t'The vectors as a flat inner-product index of FAISS; FILE.keys.csv says which row is which'
web-json\t'The vectors as a JSON array by Pokédex number, for web pages: the first is of id 1'
yolo\t'Folder for Ultralytics: images and labels by split, data.yaml, classes.txt'
imagefolder\t'Folder for torchvision and Hugging Face: SPLIT/CLASS/picture'
coco\t'Folder with images by split and annotations/instances_SPLIT.json'
webdataset\t'Folder of tar shards: picture, class and JSON of a row side by side'
huggingface\t'Folder for the Hugging Face hub: Parquet shards with pictures, README.md'
edge\t'Folder for a device\'s toolchain: the --model with a fixed shape, its classes, pictures to calibrate it with'
site\t'Folder with a page that shows and searches the table in any browser, without a server'"
complete -c pokedex -n "__fish_pokedex_using_subcommand export" -l columns -d 'Write only these columns, in this order: names separated by commas' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand export" -l where -d 'Write only the rows for which this SQL condition is true: "type1 = \'fire\' and generation < 3"' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand export" -l vector-column -d 'The column that holds the vectors, for npy, faiss and web-json [default: embedding]' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand export" -s o -l output -d 'Write to this file, or data sets and sites to this folder [default: standard output]' -r -F
complete -c pokedex -n "__fish_pokedex_using_subcommand export" -l size -d 'Scale to N x N or W x H pixels [default: 416 for yolo, for site 256 at most, else the original size]' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand export" -l fit -d 'How a picture fills that size [default: stretch]' -r -f -a "stretch\t'Its shape is lost'
pad\t'Scaled to lie inside, the rest is background'
crop\t'Scaled until the frame is covered, the middle cut out'"
complete -c pokedex -n "__fish_pokedex_using_subcommand export" -l encode -d 'How pictures are written [default: jpeg for yolo, else as they are]' -r -f -a "png\t'Lossless, and as small as other programs\' PNG'
jpeg\t'Lossy, quality 90'
webp\t'Lossless WebP, smaller than PNG'"
complete -c pokedex -n "__fish_pokedex_using_subcommand export" -l quality -d 'Quality of JPEGs, 1 to 100 [default: 90, for site 85]' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand export" -l background -d 'The colour behind transparent pixels and around padded pictures [default: white]' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand export" -l classes -d 'Which classes there are: present (those with pictures), all, or those of a file (classes.txt or data.yaml), in its order, so that parts exported one by one have the same numbers [default: all species by number, else those present]' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand export" -l val-name -d 'What the split `validation` is called in folders, for yolo: val, for example' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand export" -l shard-size -d 'Begin another shard at so many bytes, for webdataset and huggingface: 200MB, 1GB [default: 200MB]' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand export" -l model -d 'The ONNX file that is to run there' -r -F -a '(pokedex model list 2>/dev/null | sed 1d | cut -f1)'
complete -c pokedex -n "__fish_pokedex_using_subcommand export" -l calibration -d 'How many pictures of train to calibrate it with, the classes in turn [default: 200]' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand export" -l held-out -d 'How many other pictures judge what is compiled: of test, else of validation or train [default: 500]' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand export" -l target -d 'For which toolchains, separated by commas [default: all of them]' -r -f -a "onnx\t'ONNX Runtime, in 32 and in 8 bits'
litert\t'LiteRT (TensorFlow Lite), by onnx2tf'
k210\t'Kendryte K210, by nncase 1'
k230\t'Kendryte K230, by nncase 2'
maixcam\t'Sipeed MaixCam, by tpu-mlir'
rknn\t'Rockchip\'s NPUs, by rknn-toolkit2'"
complete -c pokedex -n "__fish_pokedex_using_subcommand export" -l anchors -d 'Anchors of its boxes, a file of numbers, which becomes anchors.txt' -r -F
complete -c pokedex -n "__fish_pokedex_using_subcommand export" -s j -l jobs -d 'Number of threads [default: the number of processors]' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand export" -l no-check -d 'Do not read back and check what was written'
complete -c pokedex -n "__fish_pokedex_using_subcommand export" -l force -d 'Write into a folder that holds other files too; those stay, unless one has a name that is wanted'
complete -c pokedex -n "__fish_pokedex_using_subcommand export" -l skip-ok -d 'Exit with 0 although inputs were skipped'
complete -c pokedex -n "__fish_pokedex_using_subcommand export" -l strict -d 'Fail at the first input that cannot be processed'
complete -c pokedex -n "__fish_pokedex_using_subcommand export" -s q -l quiet -d 'Say only why a command failed'
complete -c pokedex -n "__fish_pokedex_using_subcommand export" -s v -l verbose -d 'Say what was done as well'
complete -c pokedex -n "__fish_pokedex_using_subcommand export" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c pokedex -n "__fish_pokedex_using_subcommand model; and not __fish_seen_subcommand_from list info pull quantize remove" -s q -l quiet -d 'Say only why a command failed'
complete -c pokedex -n "__fish_pokedex_using_subcommand model; and not __fish_seen_subcommand_from list info pull quantize remove" -s v -l verbose -d 'Say what was done as well'
complete -c pokedex -n "__fish_pokedex_using_subcommand model; and not __fish_seen_subcommand_from list info pull quantize remove" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c pokedex -n "__fish_pokedex_using_subcommand model; and not __fish_seen_subcommand_from list info pull quantize remove" -f -a "list" -d 'Names, identities and places of the installed models'
complete -c pokedex -n "__fish_pokedex_using_subcommand model; and not __fish_seen_subcommand_from list info pull quantize remove" -f -a "info" -d 'What a model is: identity, towers, preprocessing, files'
complete -c pokedex -n "__fish_pokedex_using_subcommand model; and not __fish_seen_subcommand_from list info pull quantize remove" -f -a "pull" -d 'Get a model from the Hugging Face hub'
complete -c pokedex -n "__fish_pokedex_using_subcommand model; and not __fish_seen_subcommand_from list info pull quantize remove" -f -a "quantize" -d 'Make a model with 8-bit weights, about twice as fast, if it finds the same neighbours'
complete -c pokedex -n "__fish_pokedex_using_subcommand model; and not __fish_seen_subcommand_from list info pull quantize remove" -f -a "remove" -d 'Remove a model that was pulled'
complete -c pokedex -n "__fish_pokedex_using_subcommand model; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Say only why a command failed'
complete -c pokedex -n "__fish_pokedex_using_subcommand model; and __fish_seen_subcommand_from list" -s v -l verbose -d 'Say what was done as well'
complete -c pokedex -n "__fish_pokedex_using_subcommand model; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c pokedex -n "__fish_pokedex_using_subcommand model; and __fish_seen_subcommand_from info" -s q -l quiet -d 'Say only why a command failed'
complete -c pokedex -n "__fish_pokedex_using_subcommand model; and __fish_seen_subcommand_from info" -s v -l verbose -d 'Say what was done as well'
complete -c pokedex -n "__fish_pokedex_using_subcommand model; and __fish_seen_subcommand_from info" -s h -l help -d 'Print help'
complete -c pokedex -n "__fish_pokedex_using_subcommand model; and __fish_seen_subcommand_from pull" -l as -d 'What to call the model here [default: the short name, or NAME]' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand model; and __fish_seen_subcommand_from pull" -l variant -d 'Numbers that the weights are made of' -r -f -a "fp32\t'As trained'
fp16\t'Half the size, and nearly the same vectors'
int8\t'A quarter of the size, and other vectors'"
complete -c pokedex -n "__fish_pokedex_using_subcommand model; and __fish_seen_subcommand_from pull" -s q -l quiet -d 'Say only why a command failed'
complete -c pokedex -n "__fish_pokedex_using_subcommand model; and __fish_seen_subcommand_from pull" -s v -l verbose -d 'Say what was done as well'
complete -c pokedex -n "__fish_pokedex_using_subcommand model; and __fish_seen_subcommand_from pull" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c pokedex -n "__fish_pokedex_using_subcommand model; and __fish_seen_subcommand_from quantize" -l calibrate -d 'Pictures of the kind that the model is for: files, folders, tables; some hundred' -r -F
complete -c pokedex -n "__fish_pokedex_using_subcommand model; and __fish_seen_subcommand_from quantize" -s o -l output -d 'The folder of the new model' -r -F
complete -c pokedex -n "__fish_pokedex_using_subcommand model; and __fish_seen_subcommand_from quantize" -l least-overlap -d 'The least share of the ten nearest neighbours that must stay, from 0 to 1' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand model; and __fish_seen_subcommand_from quantize" -l scales -d 'How many scales a layer\'s weights have; with one for each layer, none is kept in 32 bits' -r -f -a "channel\t'One for each output channel'
tensor\t'One for the layer'"
complete -c pokedex -n "__fish_pokedex_using_subcommand model; and __fish_seen_subcommand_from quantize" -s j -l jobs -d 'Number of threads [default: the number of processors]' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand model; and __fish_seen_subcommand_from quantize" -l force -d 'Replace files in the folder that no earlier run made'
complete -c pokedex -n "__fish_pokedex_using_subcommand model; and __fish_seen_subcommand_from quantize" -s q -l quiet -d 'Say only why a command failed'
complete -c pokedex -n "__fish_pokedex_using_subcommand model; and __fish_seen_subcommand_from quantize" -s v -l verbose -d 'Say what was done as well'
complete -c pokedex -n "__fish_pokedex_using_subcommand model; and __fish_seen_subcommand_from quantize" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c pokedex -n "__fish_pokedex_using_subcommand model; and __fish_seen_subcommand_from remove" -l purge -d 'Delete its files too: all that the hub cache has of its repo, or a folder that was put there by hand'
complete -c pokedex -n "__fish_pokedex_using_subcommand model; and __fish_seen_subcommand_from remove" -s q -l quiet -d 'Say only why a command failed'
complete -c pokedex -n "__fish_pokedex_using_subcommand model; and __fish_seen_subcommand_from remove" -s v -l verbose -d 'Say what was done as well'
complete -c pokedex -n "__fish_pokedex_using_subcommand model; and __fish_seen_subcommand_from remove" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c pokedex -n "__fish_pokedex_using_subcommand cache; and not __fish_seen_subcommand_from info clear" -s q -l quiet -d 'Say only why a command failed'
complete -c pokedex -n "__fish_pokedex_using_subcommand cache; and not __fish_seen_subcommand_from info clear" -s v -l verbose -d 'Say what was done as well'
complete -c pokedex -n "__fish_pokedex_using_subcommand cache; and not __fish_seen_subcommand_from info clear" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c pokedex -n "__fish_pokedex_using_subcommand cache; and not __fish_seen_subcommand_from info clear" -f -a "info" -d 'Where the cache is, how large, and how many vectors it has of each model'
complete -c pokedex -n "__fish_pokedex_using_subcommand cache; and not __fish_seen_subcommand_from info clear" -f -a "clear" -d 'Remove everything, or the vectors of one model'
complete -c pokedex -n "__fish_pokedex_using_subcommand cache; and __fish_seen_subcommand_from info" -s q -l quiet -d 'Say only why a command failed'
complete -c pokedex -n "__fish_pokedex_using_subcommand cache; and __fish_seen_subcommand_from info" -s v -l verbose -d 'Say what was done as well'
complete -c pokedex -n "__fish_pokedex_using_subcommand cache; and __fish_seen_subcommand_from info" -s h -l help -d 'Print help'
complete -c pokedex -n "__fish_pokedex_using_subcommand cache; and __fish_seen_subcommand_from clear" -s q -l quiet -d 'Say only why a command failed'
complete -c pokedex -n "__fish_pokedex_using_subcommand cache; and __fish_seen_subcommand_from clear" -s v -l verbose -d 'Say what was done as well'
complete -c pokedex -n "__fish_pokedex_using_subcommand cache; and __fish_seen_subcommand_from clear" -s h -l help -d 'Print help'
complete -c pokedex -n "__fish_pokedex_using_subcommand completions" -s q -l quiet -d 'Say only why a command failed'
complete -c pokedex -n "__fish_pokedex_using_subcommand completions" -s v -l verbose -d 'Say what was done as well'
complete -c pokedex -n "__fish_pokedex_using_subcommand completions" -s h -l help -d 'Print help'
complete -c pokedex -n "__fish_pokedex_using_subcommand schema" -l command -d 'Only this command' -r
complete -c pokedex -n "__fish_pokedex_using_subcommand schema" -s q -l quiet -d 'Say only why a command failed'
complete -c pokedex -n "__fish_pokedex_using_subcommand schema" -s v -l verbose -d 'Say what was done as well'
complete -c pokedex -n "__fish_pokedex_using_subcommand schema" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c pokedex -n "__fish_pokedex_using_subcommand man" -s o -l output -d 'Write the pages of all commands to this folder' -r -F
complete -c pokedex -n "__fish_pokedex_using_subcommand man" -s q -l quiet -d 'Say only why a command failed'
complete -c pokedex -n "__fish_pokedex_using_subcommand man" -s v -l verbose -d 'Say what was done as well'
complete -c pokedex -n "__fish_pokedex_using_subcommand man" -s h -l help -d 'Print help'
complete -c pokedex -n "__fish_pokedex_using_subcommand man" -f -a "scan frames convert-rgb split check dedup augment read embed index map query serve mcp sample train classify evaluate export model cache completions man schema"

# From a folder of pictures to a data set that one can train on: divided without leaks, checked, evened out, exported.
#
#     make -f examples/dataset.mk PICTURES=~/photos FORMAT=yolo
#
# New pictures may be added at any time: old ones keep their side (--keep). Outputs lie in $(OUT).

PICTURES ?= pictures
OUT      ?= build
FORMAT   ?= yolo
FLOOR    ?= 20
SEED     ?= 0
POKEDEX  ?= pokedex

FILES := $(shell find $(PICTURES) -type f 2>/dev/null | sed 's/ /\\ /g')

.PHONY: all clean
.DELETE_ON_ERROR:
all: $(OUT)/dataset/manifest.parquet

$(OUT)/manifest.parquet: $(FILES)
	mkdir -p $(OUT)
	$(POKEDEX) scan $(PICTURES) --verify --skip-ok -o $@

# The division of the last time is read before it is replaced; the first time there is none.
$(OUT)/split.parquet: $(OUT)/manifest.parquet
	$(POKEDEX) split $< --near-duplicates --min-size 32 --seed $(SEED) --skip-ok $(if $(wildcard $@),--keep=$@) -o $@

# An error stops here, with the table of what is wrong beside it; delete $(OUT)/checked to look again.
$(OUT)/checked: $(OUT)/split.parquet
	$(POKEDEX) check $< --findings $(OUT)/findings.csv -o $(OUT)/report.txt || { cat $(OUT)/report.txt; exit 4; }
	touch $@

$(OUT)/augmented/manifest.parquet: $(OUT)/split.parquet $(OUT)/checked
	$(POKEDEX) augment $< --floor $(FLOOR) --seed $(SEED) --skip-ok -o $(OUT)/augmented/

$(OUT)/dataset/manifest.parquet: $(OUT)/augmented/manifest.parquet
	$(POKEDEX) export $< --format $(FORMAT) --skip-ok -o $(OUT)/dataset/

clean:
	rm -rf $(OUT)

# From a folder of pictures to a data set that one can train on: divided without leaks, checked, evened out, exported.
#
#     make -f examples/dataset.mk PICTURES=~/photos FORMAT=yolo
#
# Pictures may be added and removed at any time: what stays keeps its side (--keep). Every run looks at all of them: what is
# in them counts, not their dates. Outputs lie in $(OUT), whose name must have no spaces; those of pictures may.

PICTURES ?= pictures
OUT      ?= build
FORMAT   ?= yolo
FLOOR    ?= 20
SEED     ?= 0
POKEDEX  ?= pokedex
# In the shell these are variables too, so that no name needs to be quoted twice.
export PICTURES FORMAT FLOOR SEED

# Takes a new file only where it says something else, so that nothing is redone for the same.
renew = cmp -s $(1) $(2) && rm $(1) || mv $(1) $(2)

.PHONY: all clean FORCE
.DELETE_ON_ERROR:
all: $(OUT)/dataset/manifest.parquet

$(OUT)/settings $(OUT)/format: FORCE
	@mkdir -p $(OUT)
	@printf '%s\n' $(if $(filter %/format,$@),"$$FORMAT","$$FLOOR" "$$SEED") > $@.new
	@$(call renew,$@.new,$@)

$(OUT)/manifest.parquet: FORCE
	@mkdir -p $(OUT)
	$(POKEDEX) scan "$$PICTURES" --verify --skip-ok -o $(OUT)/manifest.new.parquet
	@$(call renew,$(OUT)/manifest.new.parquet,$@)

# The division of the last time is read before it is replaced; the first time there is none.
$(OUT)/split.parquet: $(OUT)/manifest.parquet $(OUT)/settings
	$(POKEDEX) split $< --near-duplicates --min-size 32 --seed "$$SEED" --skip-ok $(if $(wildcard $@),--keep=$@) -o $(OUT)/split.new.parquet
	@mv $(OUT)/split.new.parquet $@

# An error stops here, with the table of what is wrong beside it; delete $(OUT)/checked to look again.
$(OUT)/checked: $(OUT)/split.parquet
	$(POKEDEX) check $< --findings $(OUT)/findings.csv -o $(OUT)/report.txt || { cat $(OUT)/report.txt; exit 4; }
	touch $@

$(OUT)/augmented/manifest.parquet: $(OUT)/split.parquet $(OUT)/checked $(OUT)/settings
	$(POKEDEX) augment $< --floor "$$FLOOR" --seed "$$SEED" --skip-ok -o $(OUT)/augmented/

$(OUT)/dataset/manifest.parquet: $(OUT)/augmented/manifest.parquet $(OUT)/format
	$(POKEDEX) export $< --format "$$FORMAT" --skip-ok -o $(OUT)/dataset/

clean:
	rm -rf $(OUT)

# Three rounds of learning from pictures that nobody has labelled: a head learns from those that somebody has, says what the
# others are, and what it is sure of fine-tunes the model itself; the next head learns on the new model's vectors.
#
#     make -f examples/wildlife.mk PICTURES=~/wildlife/by-species MORE=~/wildlife/camera-traps
#
# PICTURES has a folder a class; MORE is a folder of pictures without. Needs `pip install -e training` (docs/finetune.md). The
# names of $(OUT) and of the folders must have no spaces. build/audit.csv says of every picture and round what it was taken for, how
# surely, and by how much; build/figures.tsv how right each round is on pictures that no round learnt from, beside the first.

PICTURES ?= pictures
MORE     ?= more
OUT      ?= build
POKEDEX  ?= pokedex
FINETUNE ?= python3 -m pokedex_train finetune
# What is beyond doubt: the best score, and its lead over the second.
DOUBT    ?= --min-score 0.6 --min-margin 0.3
OPTIONS  ?=
ROUNDS   := 1 2 3

.PHONY: all clean
.DELETE_ON_ERROR:
.SECONDARY:
all: $(OUT)/audit.csv $(OUT)/figures.tsv

$(OUT):
	mkdir -p $@

# The test is of labelled pictures, and nobody looks at it before the end. All of MORE is to learn from.
$(OUT)/labelled.parquet: | $(OUT)
	$(POKEDEX) split $(PICTURES) --ratios 60/15/25 --near-duplicates --skip-ok -o $@
$(OUT)/more.parquet: | $(OUT)
	$(POKEDEX) split $(MORE) --ratios 100/0/0 --near-duplicates --skip-ok -o $@

$(OUT)/embedded0.parquet: $(OUT)/labelled.parquet $(OUT)/more.parquet
	$(POKEDEX) embed $^ --skip-ok -o $@
$(OUT)/embedded%.parquet: $(OUT)/model%/model.json
	$(POKEDEX) embed $(OUT)/labelled.parquet $(OUT)/more.parquet --model $(OUT)/model$*/ --skip-ok -o $@

$(OUT)/head%.parquet: $(OUT)/embedded%.parquet
	$(POKEDEX) train $< --log $(OUT)/runs.parquet -o $@
$(OUT)/told%.parquet: $(OUT)/head%.parquet
	$(POKEDEX) classify $(OUT)/embedded$*.parquet --head $< $(DOUBT) -o $@

# Each round begins with the built-in model: what an earlier round believed is unlearnt where the head no longer does.
define round
$(OUT)/model$(1)/model.json: $(OUT)/told$(shell expr $(1) - 1).parquet
	POKEDEX=$(POKEDEX) $(FINETUNE) $$< --captions labels --pseudo-labels --log $(OUT)/runs.parquet $(OPTIONS) -o $(OUT)/model$(1)
endef
$(foreach n,$(ROUNDS),$(eval $(call round,$(n))))

$(OUT)/audit.csv: $(foreach n,0 $(ROUNDS),$(OUT)/told$(n).parquet)
	echo round,key,label,prediction,score,margin,rejected > $@
	for round in 0 $(ROUNDS); do \
	  $(POKEDEX) export $(OUT)/told$$round.parquet --format tsv --columns key,label,prediction_1,score_1,score_2,rejected \
	  | awk -F '\t' -v OFS=, -v round=$$round 'NR > 1 { for (i = 1; i < 4; i++) gsub(/"/, "\"\"", $$i); \
	      print round, "\"" $$1 "\"", "\"" $$2 "\"", "\"" $$3 "\"", $$4, $$4 - $$5, $$6 }' >> $@ || exit 1; \
	done

$(OUT)/figures.tsv: $(foreach n,0 $(ROUNDS),$(OUT)/told$(n).parquet)
	for round in 0 $(ROUNDS); do \
	  $(POKEDEX) evaluate $(OUT)/told$$round.parquet --split test --compare $(OUT)/told0.parquet --format tsv \
	  | sed "s/^/$$round\t/" || exit 1; \
	done > $@

clean:
	rm -rf $(OUT)

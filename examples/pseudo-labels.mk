# Teaches itself to sort a folder of pictures into the classes of a list: words say what the first pictures are, a head
# learns from those that are beyond doubt, says what the others are, and the next head learns from these. Three rounds.
#
#     make -f examples/pseudo-labels.mk PICTURES=~/wildlife LABELS=species.txt MODEL=clip-vit-b32
#
# Every run looks at all pictures: what is in them counts, not their dates. The name of $(OUT) must have no spaces; those of
# pictures may. build/audit.csv says of every picture and round what it was taken for, how surely, and by how much. Where pictures lie in
# folders by class, build/figures.tsv tells how right the last round is on those that no round learnt from.

PICTURES  ?= pictures
LABELS    ?= labels.txt
MODEL     ?= pokedex-mini
PROMPT    ?= a photo of a {}
OUT       ?= build
POKEDEX   ?= pokedex
# What is beyond doubt: the best score, and its lead over the second.
MIN_SCORE  ?= 0.8
MIN_MARGIN ?= 0.5
DOUBT      := --min-score $(MIN_SCORE) --min-margin $(MIN_MARGIN)
# In the shell these are variables too, so that no name needs to be quoted twice.
export PICTURES LABELS MODEL PROMPT DOUBT

# Takes a new file only where it says something else, so that nothing is redone for the same.
renew = cmp -s $(1) $(2) && rm $(1) || mv $(1) $(2)

.PHONY: all clean FORCE
.DELETE_ON_ERROR:
all: $(OUT)/audit.csv $(OUT)/figures.tsv

$(OUT)/model $(OUT)/settings: FORCE
	@mkdir -p $(OUT)
	@printf '%s\n' $(if $(filter %/model,$@),"$$MODEL","$$PROMPT" "$$DOUBT") > $@.new
	@$(call renew,$@.new,$@)

$(OUT)/labels.txt: FORCE
	@mkdir -p $(OUT)
	@cp "$$LABELS" $@.new
	@$(call renew,$@.new,$@)

# No round learns from the rows of the test; nobody looks at their labels before the end.
$(OUT)/split.parquet: FORCE
	@mkdir -p $(OUT)
	$(POKEDEX) split "$$PICTURES" --ratios 70/15/15 --skip-ok -o $(OUT)/split.new.parquet
	@$(call renew,$(OUT)/split.new.parquet,$@)

$(OUT)/embeddings.parquet: $(OUT)/split.parquet $(OUT)/model
	$(POKEDEX) embed $< --model "$$MODEL" --skip-ok -o $@

$(OUT)/round0.parquet: $(OUT)/embeddings.parquet $(OUT)/labels.txt $(OUT)/settings
	$(POKEDEX) classify $< --labels $(OUT)/labels.txt --prompt "$$PROMPT" $(DOUBT) -o $@

$(OUT)/head%.parquet:
	$(POKEDEX) train $(OUT)/round$(shell expr $* - 1).parquet --by prediction --log $(OUT)/runs.parquet -o $@

$(OUT)/round%.parquet: $(OUT)/head%.parquet
	$(POKEDEX) classify $(OUT)/embeddings.parquet --head $< $(DOUBT) -o $@

$(OUT)/head1.parquet: $(OUT)/round0.parquet
$(OUT)/head2.parquet: $(OUT)/round1.parquet
$(OUT)/head3.parquet: $(OUT)/round2.parquet

$(OUT)/audit.csv: $(OUT)/round3.parquet
	echo round,key,prediction,score,margin,rejected > $@
	for round in 0 1 2 3; do \
	  $(POKEDEX) export $(OUT)/round$$round.parquet --format tsv --columns key,prediction_1,score_1,score_2,rejected \
	  | awk -F '\t' -v OFS=, -v round=$$round 'NR > 1 { gsub(/"/, "\"\"", $$1); gsub(/"/, "\"\"", $$2); \
	      print round, "\"" $$1 "\"", "\"" $$2 "\"", $$3, $$3 - $$4, $$5 }' >> $@ || exit 1; \
	done

$(OUT)/figures.tsv: $(OUT)/round3.parquet
	$(POKEDEX) evaluate $< --split test --compare $(OUT)/round0.parquet --log $(OUT)/runs.parquet --format tsv > $@

clean:
	rm -rf $(OUT)

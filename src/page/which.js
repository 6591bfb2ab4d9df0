// Which is this? A picture, and the classes it may be of.
"use strict";
window.pokedex = window.pokedex || {};

(() => {
  const { make, bar, trouble } = pokedex.parts;
  let turn = 0;

  /// Fills the view; `find(label)` looks a class up, `close()` leaves, `like(picture)` searches by the picture.
  function show(view, { find, close, like }) {
    const file = make("input", { id: "which-file", type: "file", accept: "image/*", "aria-label": "A picture" });
    const answer = make("div", { class: "answer", role: "status" });
    const picture = make("img", { alt: "The picture that was brought", hidden: true });
    file.addEventListener("change", () => file.files[0] && ask(file.files[0]));
    view.replaceChildren(
      make("button", { type: "button", class: "close", "aria-label": "Close", onclick: close }, "×"),
      make("h2", { tabIndex: -1 }, "Which is this?"),
      make("div", { class: "zone" }, make("p", {}, "Drop or paste a picture here, or"), make("label", { class: "button" }, "Choose a picture", file)),
      make("div", { class: "result" }, picture, answer),
    );
    view.hidden = false;

    async function ask(blob) {
      const own = ++turn;
      if (picture.src) URL.revokeObjectURL(picture.src);
      picture.src = URL.createObjectURL(blob);
      picture.hidden = false;
      answer.replaceChildren(make("p", {}, "Looking …"));
      try {
        const { rejected, predictions } = await pokedex.source.classify(blob, { top: 5 });
        if (own !== turn) return;
        const [best] = predictions;
        const verdict = !best ? "No class is known." : rejected ? "Unknown: none of the classes is to be believed." : best.label;
        const bars = predictions.flatMap(({ label, probability }) => bar(label, probability, `${(100 * probability).toFixed(1)} %`));
        const parts = [
          make("h3", { class: rejected ? "unknown" : "" }, verdict),
          make("div", { class: "bars" }, ...bars),
          best && !rejected ? make("button", { type: "button", onclick: () => find(best.label) }, `Show ${best.label}`) : null,
          pokedex.about.by_picture ? make("button", { type: "button", onclick: () => like(blob) }, "Show what is like it") : null,
        ];
        answer.replaceChildren(...parts.filter(Boolean));
      } catch (error) {
        if (own === turn) answer.replaceChildren(trouble(error));
      }
    }
    return { ask };
  }

  function hide(view) {
    turn++;
    view.hidden = true;
    view.replaceChildren();
  }

  pokedex.which = { show, hide };
})();

// Asks the source of a site in Node: `node site.js SITE`, a list of `{call, args}` in JSON on standard input, and on
// standard output for each `{value}` or `{message, hint, status}`. Scripts run in the order in which the document names
// them, those alone that answer the page.
"use strict";

const fs = require("node:fs");
const path = require("node:path");
const vm = require("node:vm");

const [first, last] = ["page/letters.js", "page/site.js"];
const site = process.argv[2];

const run = (file) => vm.runInThisContext(fs.readFileSync(path.join(site, file), "utf8"), { filename: file });

const html = fs.readFileSync(path.join(site, "index.html"), "utf8");
const scripts = [...html.matchAll(/<script src="([^"]*)"/g)].map((found) => found[1]);
scripts.slice(scripts.indexOf(first), scripts.indexOf(last) + 1).forEach(run);

const { source, offline } = globalThis.pokedex;
offline.script = async (file) => run(file);

async function answer({ call, args }) {
  try {
    return { value: await source[call](...args) };
  } catch (problem) {
    if (problem.status === undefined) throw problem;
    return { message: problem.message, hint: problem.hint, status: problem.status };
  }
}

(async () => {
  const answers = [];
  for (const question of JSON.parse(fs.readFileSync(0, "utf8"))) answers.push(await answer(question));
  process.stdout.write(JSON.stringify(answers));
})();

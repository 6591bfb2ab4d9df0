#!/bin/sh
# resvg and a font's weight that is no multiple of a hundred.
#
# One would guess: a text of weight 650 or 750 is drawn with the bold font, as of 600 and 700, and as browsers do: CSS Fonts 4 has any
# number from 1 to 1000 as a weight. Instead: it is drawn with the regular one, as if nothing had been said, and without a word.
# Seen with resvg 2.6.2 of npm (@resvg/resvg-js), and in Rust with resvg 0.49.0; dark pixels of a text in Noto Sans by weight:
# 400: 1576, 600: 2453, 650: 1576, 700: 2453, 750: 1576. Needs Node.js and npm. Fails when 650 is as bold as 700.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund @resvg/resvg-js@2.6.2 @expo-google-fonts/noto-sans@0.4.2
cat >weights.js <<'JAVASCRIPT'
const { Resvg } = require("@resvg/resvg-js");
const fonts = "node_modules/@expo-google-fonts/noto-sans/";
const fontFiles = [fonts + "400Regular/NotoSans_400Regular.ttf", fonts + "700Bold/NotoSans_700Bold.ttf"];
function dark(weight) {
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="400" height="60"><rect width="400" height="60" fill="#fff"/>
    <text x="5" y="40" font-family="Noto Sans" font-size="30" font-weight="${weight}">Hamburgefonstiv</text></svg>`;
  const { pixels } = new Resvg(svg, { font: { fontFiles, loadSystemFonts: false } }).render();
  return pixels.filter((value, at) => at % 4 === 0 && value < 128).length;
}
const found = Object.fromEntries([400, 600, 650, 700, 750].map((weight) => [weight, dark(weight)]));
console.log(found);
const odd = found[600] === found[700] && found[700] > 1.3 * found[400] && found[650] === found[400] && found[750] === found[400];
process.exit(odd ? 0 : 1);
JAVASCRIPT
node weights.js

# Filled in by packaging/release.sh; this file is the template.
class Pokedex < Formula
  desc "Embed, search and classify images from the shell"
  homepage "@HOMEPAGE@"
  version "@VERSION@"
  license any_of: ["MIT", "Apache-2.0"]

  on_macos do
    url "@URL@/pokedex-@VERSION@.tar.gz"
    sha256 "@SHA256_SOURCE@"
    depends_on "rust" => :build
  end

  on_linux do
    on_intel do
      url "@URL@/pokedex-@VERSION@-x86_64-unknown-linux-gnu.tar.gz"
      sha256 "@SHA256_X86_64@"
    end
    on_arm do
      url "@URL@/pokedex-@VERSION@-aarch64-unknown-linux-gnu.tar.gz"
      sha256 "@SHA256_AARCH64@"
    end
  end

  def install
    if OS.mac?
      system "cargo", "install", *std_cargo_args
    else
      bin.install "pokedex"
      doc.install "THIRD-PARTY.txt"
    end
    man1.install Dir["man/*.1"]
    bash_completion.install "completions/pokedex.bash" => "pokedex"
    zsh_completion.install "completions/_pokedex"
    fish_completion.install "completions/pokedex.fish"
  end

  test do
    assert_match "Growlithe", shell_output("#{bin}/pokedex query 'fire dog' --top 5")
  end
end

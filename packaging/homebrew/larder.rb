# Larder for Homebrew on Linux. scripts/release fills in what stands between @ and @.
class Larder < Formula
  desc "Local AWS Lambda service that never forgets"
  homepage "@URL@"
  version "@VERSION@"
  license "Apache-2.0"

  depends_on :linux
@SOURCES@
  def install
    bin.install "larder"
    man1.install Dir["man/*.1"]
    bash_completion.install "completions/larder.bash" => "larder"
    zsh_completion.install "completions/_larder"
    fish_completion.install "completions/larder.fish"
  end

  service do
    run [opt_bin/"larder", "serve"]
    environment_variables LARDER_DATA_DIR: var/"larder"
    keep_alive crashed: true
    working_dir var
  end

  test do
    assert_match version.to_s, shell_output("#{bin}/larder --version")
  end
end

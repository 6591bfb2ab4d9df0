#!/usr/bin/env bash
# torch 2.15.0, CPU: autocast to bfloat16 makes training a network of depthwise convolutions slower, not quicker.
#
# One would guess: on a processor with bf16 instructions (avx512_bf16) autocast makes a convolution's backward pass at least as
# quick as in 32 bits, as it does for the forward pass and for plain convolutions; for a layer that the library computes
# worse in bf16, it would stay in 32 bits, as autocast does elsewhere.
#
# What happens: backward through a depthwise 5 x 5 convolution in bf16 takes several times as long as in float32; a plain
# 1 x 1 convolution of the same channels is quicker. Training the last two stages of EfficientNet-Lite0 on one core took 16 ms
# a picture backward under autocast, 5.4 ms in float32, and 4.3 ms with autocast for all but the depthwise layers.
#
# Seen (an EPYC with avx512_bf16, one thread, some runs): depthwise bf16 / float32 2.8 to 4.3, plain 0.50 to 0.55.
# The program is not touched by it; its training recipe (training/backbone.py) leaves these layers out of autocast.
set -euo pipefail
if ! grep -q avx512_bf16 /proc/cpuinfo; then
    echo "skipped: this processor has no bf16 instructions"
    exit 0
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.15.0 numpy==2.4.6
"$folder/venv/bin/python" - <<'PYTHON'
import time
import torch

torch.set_num_threads(1)


def backward(groups, kernel, bf16):
    """Seconds of the quickest of five backward passes."""
    layer = torch.nn.Conv2d(672, 672, kernel, padding=kernel // 2, groups=groups, bias=False).to(memory_format=torch.channels_last)
    x = torch.randn(64, 672, 8, 8).contiguous(memory_format=torch.channels_last).requires_grad_()
    best = 9e9
    for _ in range(5):
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            y = layer(x)
        seed = torch.ones_like(y)
        start = time.perf_counter()
        y.backward(seed)
        best = min(best, time.perf_counter() - start)
    return best


depthwise = backward(672, 5, True) / backward(672, 5, False)
plain = backward(1, 1, True) / backward(1, 1, False)
print(f"bf16 / float32, backward: depthwise 5 x 5 {depthwise:.1f}, plain 1 x 1 {plain:.2f}")
assert depthwise > 1.5, "depthwise convolutions are no longer slower in bf16"
assert plain < 1.2, "plain convolutions are slower in bf16, too"
PYTHON

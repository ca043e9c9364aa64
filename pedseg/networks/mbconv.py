"""The block of EfficientNets (Sandler et al. 2018; Tan and Le 2019), named as in lukemelas' public files."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SQUEEZE = 4
"""Times fewer channels than the block's input, between squeeze and excitation."""


class MBConv(nn.Module):
    """Mobile inverted bottleneck: 1x1 wider, depthwise, squeeze and excite, 1x1 back; plus the input if it fits.

    Args:
        in_channels: of the input.
        out_channels: of the output.
        kernel: of the depthwise convolution, 3 or 5.
        stride: of the same.
        expansion: how much wider it is than the input; 1 leaves the first convolution out.
    """

    def __init__(
        self, in_channels: int, out_channels: int, kernel: int, *, stride: int = 1, expansion: int = 6
    ) -> None:
        super().__init__()
        inner, squeezed = in_channels * expansion, max(1, in_channels // SQUEEZE)
        self.residual = stride == 1 and in_channels == out_channels
        self.drop = 0.0  # chance of being left out in training
        self.expands = expansion > 1
        self._expand_conv = nn.Conv2d(in_channels, inner, 1, bias=False) if self.expands else nn.Identity()
        self._bn0 = nn.BatchNorm2d(inner) if self.expands else nn.Identity()
        self._depthwise_conv = SameConv2d(inner, inner, kernel, stride=stride, groups=inner)
        self._bn1 = nn.BatchNorm2d(inner)
        self._se_reduce = nn.Conv2d(inner, squeezed, 1)
        self._se_expand = nn.Conv2d(squeezed, inner, 1)
        self._project_conv = nn.Conv2d(inner, out_channels, 1, bias=False)
        self._bn2 = nn.BatchNorm2d(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        """(B, in, H, W) -> (B, out, H, W), or half the size at stride 2."""
        wide = F.silu(self._bn0(self._expand_conv(x))) if self.expands else x
        wide = F.silu(self._bn1(self._depthwise_conv(wide)))
        squeezed = wide.mean((2, 3), keepdim=True)
        wide = wide * torch.sigmoid(self._se_expand(F.silu(self._se_reduce(squeezed))))
        out: Tensor = self._bn2(self._project_conv(wide))
        return x + self._thinned(out) if self.residual else out

    def _thinned(self, x: Tensor) -> Tensor:
        """Leave some images' x out in training, and make up for it in the others (stochastic depth)."""
        if not self.training or self.drop == 0.0:
            return x
        kept = torch.rand([x.shape[0], 1, 1, 1], device=x.device) >= self.drop
        return x * (kept / (1 - self.drop)).to(x.dtype)


class SameConv2d(nn.Conv2d):
    """Convolution without bias, padded as TensorFlow's `same` pads it where the public weights were trained.

    At their 300 pixels every 3x3 of stride 2 meets an even size (300, 150, 38): no pixel before, one behind. Every 5x5
    of stride 2 meets an odd one (75, 19): two on each side, as stride 1 has it. These paddings stay at other sizes, as
    in MONAI.
    """

    def __init__(self, in_channels: int, out_channels: int, kernel: int, *, stride: int, groups: int = 1) -> None:
        self.behind = kernel == 3 and stride == 2
        padding = 0 if self.behind else kernel // 2
        super().__init__(in_channels, out_channels, kernel, stride, padding, groups=groups, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(B, in, H, W) -> (B, out, H / stride, W / stride)."""
        if self.behind:
            x = F.pad(x, [0, 1, 0, 1])
        return self._conv_forward(x, self.weight, self.bias)  # type: ignore[no-any-return]

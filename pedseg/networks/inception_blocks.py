"""The modules of InceptionV3 (Szegedy et al. 2016, figures 5 to 7 and 10), named as in torchvision's public file."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pedseg.networks.layout import concatenate

Size = int | tuple[int, int]


class BasicConv2d(nn.Module):
    """Convolution without bias -> batch norm -> ReLU."""

    def __init__(
        self, in_channels: int, out_channels: int, kernel: Size, *, stride: int = 1, padding: Size = 0
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, kernel, stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        """(B, in, H, W) -> (B, out, H', W')."""
        return torch.relu_(self.bn(self.conv(x)))


class InceptionA(nn.Module):
    """5x5 and two 3x3 (figure 5); 224 channels and those of the pool."""

    def __init__(self, in_channels: int, pool_features: int) -> None:
        super().__init__()
        self.out_channels = 224 + pool_features
        self.branch1x1 = BasicConv2d(in_channels, 64, 1)
        self.branch5x5_1 = BasicConv2d(in_channels, 48, 1)
        self.branch5x5_2 = BasicConv2d(48, 64, 5, padding=2)
        self.branch3x3dbl_1 = BasicConv2d(in_channels, 64, 1)
        self.branch3x3dbl_2 = BasicConv2d(64, 96, 3, padding=1)
        self.branch3x3dbl_3 = BasicConv2d(96, 96, 3, padding=1)
        self.branch_pool = BasicConv2d(in_channels, pool_features, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, in, H, W) -> (B, 224 + pool features, H, W)."""
        five = self.branch5x5_2(self.branch5x5_1(x))
        three = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))
        return _join([self.branch1x1(x), five, three, self.branch_pool(_average(x))])


class InceptionB(nn.Module):
    """Half the size (figure 10); 480 channels more."""

    def __init__(self, in_channels: int, padding: int) -> None:
        super().__init__()
        self.padding = padding
        self.branch3x3 = BasicConv2d(in_channels, 384, 3, stride=2, padding=padding)
        self.branch3x3dbl_1 = BasicConv2d(in_channels, 64, 1)
        self.branch3x3dbl_2 = BasicConv2d(64, 96, 3, padding=1)
        self.branch3x3dbl_3 = BasicConv2d(96, 96, 3, stride=2, padding=padding)

    def forward(self, x: Tensor) -> Tensor:
        """(B, in, H, W) -> (B, in + 480, H / 2, W / 2)."""
        three = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))
        return _join([self.branch3x3(x), three, F.max_pool2d(x, 3, 2, self.padding)])


class InceptionC(nn.Module):
    """7x7 as 1x7 and 7x1 (figure 6); 768 channels."""

    def __init__(self, in_channels: int, channels_7x7: int) -> None:
        super().__init__()
        self.out_channels, c = 768, channels_7x7
        self.branch1x1 = BasicConv2d(in_channels, 192, 1)
        self.branch7x7_1 = BasicConv2d(in_channels, c, 1)
        self.branch7x7_2 = BasicConv2d(c, c, (1, 7), padding=(0, 3))
        self.branch7x7_3 = BasicConv2d(c, 192, (7, 1), padding=(3, 0))
        self.branch7x7dbl_1 = BasicConv2d(in_channels, c, 1)
        self.branch7x7dbl_2 = BasicConv2d(c, c, (7, 1), padding=(3, 0))
        self.branch7x7dbl_3 = BasicConv2d(c, c, (1, 7), padding=(0, 3))
        self.branch7x7dbl_4 = BasicConv2d(c, c, (7, 1), padding=(3, 0))
        self.branch7x7dbl_5 = BasicConv2d(c, 192, (1, 7), padding=(0, 3))
        self.branch_pool = BasicConv2d(in_channels, 192, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, in, H, W) -> (B, 768, H, W)."""
        seven = self.branch7x7_3(self.branch7x7_2(self.branch7x7_1(x)))
        twice = self.branch7x7dbl_3(self.branch7x7dbl_2(self.branch7x7dbl_1(x)))
        twice = self.branch7x7dbl_5(self.branch7x7dbl_4(twice))
        return _join([self.branch1x1(x), seven, twice, self.branch_pool(_average(x))])


class InceptionD(nn.Module):
    """Half the size with 7x7; 512 channels more."""

    def __init__(self, in_channels: int, padding: int) -> None:
        super().__init__()
        self.padding = padding
        self.branch3x3_1 = BasicConv2d(in_channels, 192, 1)
        self.branch3x3_2 = BasicConv2d(192, 320, 3, stride=2, padding=padding)
        self.branch7x7x3_1 = BasicConv2d(in_channels, 192, 1)
        self.branch7x7x3_2 = BasicConv2d(192, 192, (1, 7), padding=(0, 3))
        self.branch7x7x3_3 = BasicConv2d(192, 192, (7, 1), padding=(3, 0))
        self.branch7x7x3_4 = BasicConv2d(192, 192, 3, stride=2, padding=padding)

    def forward(self, x: Tensor) -> Tensor:
        """(B, in, H, W) -> (B, in + 512, H / 2, W / 2)."""
        three = self.branch3x3_2(self.branch3x3_1(x))
        seven = self.branch7x7x3_3(self.branch7x7x3_2(self.branch7x7x3_1(x)))
        return _join([three, self.branch7x7x3_4(seven), F.max_pool2d(x, 3, 2, self.padding)])


class InceptionE(nn.Module):
    """1x3 and 3x1 beside each other (figure 7); 2048 channels."""

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.branch1x1 = BasicConv2d(in_channels, 320, 1)
        self.branch3x3_1 = BasicConv2d(in_channels, 384, 1)
        self.branch3x3_2a = BasicConv2d(384, 384, (1, 3), padding=(0, 1))
        self.branch3x3_2b = BasicConv2d(384, 384, (3, 1), padding=(1, 0))
        self.branch3x3dbl_1 = BasicConv2d(in_channels, 448, 1)
        self.branch3x3dbl_2 = BasicConv2d(448, 384, 3, padding=1)
        self.branch3x3dbl_3a = BasicConv2d(384, 384, (1, 3), padding=(0, 1))
        self.branch3x3dbl_3b = BasicConv2d(384, 384, (3, 1), padding=(1, 0))
        self.branch_pool = BasicConv2d(in_channels, 192, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, in, H, W) -> (B, 2048, H, W)."""
        once = self.branch3x3_1(x)
        twice = self.branch3x3dbl_2(self.branch3x3dbl_1(x))
        once = _join([self.branch3x3_2a(once), self.branch3x3_2b(once)])
        twice = _join([self.branch3x3dbl_3a(twice), self.branch3x3dbl_3b(twice)])
        return _join([self.branch1x1(x), once, twice, self.branch_pool(_average(x))])


def _average(x: Tensor) -> Tensor:
    return F.avg_pool2d(x, 3, 1, 1)


def _join(branches: list[Tensor]) -> Tensor:
    if torch.jit.is_scripting():  # type: ignore[attr-defined]
        return torch.cat(branches, dim=1)
    return concatenate(*branches)

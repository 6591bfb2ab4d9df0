"""The colours of a picture in words: how much more of each of the eleven basic colours (Berlin and Kay 1969) it has than others."""
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

COLOURS = {"black": (20, 20, 20), "white": (245, 245, 245), "grey": (128, 128, 128), "red": (190, 30, 30), "orange": (235, 130, 30),
           "yellow": (235, 215, 60), "green": (50, 120, 45), "blue": (40, 80, 180), "purple": (110, 50, 130), "pink": (240, 150, 180),
           "brown": (115, 75, 40)}
CELLS = 24  # A picture is averaged to so many cells along a side,
MIDDLE = 7.0  # of which those in the middle count most: the deviation of a bell, in cells.
NEAR = 400.0  # Squared distance in Lab, lightness counting half, at which a colour is e times less likely.


def lab(rgb: ArrayLike) -> NDArray[np.float32]:
    """sRGB of 0 to 255 -> CIE Lab (D65)."""
    x = np.asarray(rgb, np.float32) / 255
    x = np.where(x > 0.04045, ((x + 0.055) / 1.055) ** 2.4, x / 12.92)
    xyz = x @ np.array([[0.4339, 0.2126, 0.0178], [0.3762, 0.7152, 0.1095], [0.1899, 0.0722, 0.8727]], np.float32)
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.stack([116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])], -1).astype(np.float32)


def amounts(rgb: NDArray[Any]) -> NDArray[np.float32]:
    """uint8 [N, S, S, 3] -> the roots of the colours' shares [N, 11]."""
    count, side = rgb.shape[:2]
    cells = rgb.reshape(count, CELLS, side // CELLS, CELLS, side // CELLS, 3).astype(np.float32).mean((2, 4))
    apart = ((lab(cells)[..., None, :] - lab(np.array(list(COLOURS.values())))) ** 2 * np.array([0.5, 1, 1], np.float32)).sum(-1)
    likely = np.exp(-(apart - apart.min(-1, keepdims=True)) / NEAR)
    likely /= likely.sum(-1, keepdims=True)
    along = np.exp(-((np.arange(CELLS) - (CELLS - 1) / 2) ** 2) / (2 * MIDDLE**2))
    middle = np.outer(along, along) / along.sum() ** 2
    roots: NDArray[np.float32] = np.sqrt((likely * middle[None, :, :, None]).sum((1, 2))).astype(np.float32)
    return roots

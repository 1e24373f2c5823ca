"""PSNR and SSIM, and the border to cut off first."""

from __future__ import annotations

from numbers import Integral

import numpy as np
from scipy.ndimage import correlate1d

from .errors import InputError
from .images import as_array, data_range_of


def shave(image: np.ndarray, border: int) -> np.ndarray:
    """Cut `border` pixels off each side of `(H, W[, C])`.

    Errors: `InputError` when the border is no whole number ≥ 0, or leaves nothing.
    Source: the authors' evaluation code, `shave.m`.
    Paper: section 5.3. Chapter: 1.
    """
    image = as_array(image)
    if not isinstance(border, Integral) or border < 0:
        raise InputError(f"border must be a whole number >= 0, got {border!r}")
    if image.ndim < 2 or min(image.shape[:2]) <= 2 * border:
        raise InputError(f"cannot cut a border of {border} pixels off an image of shape {image.shape}")
    return image[border : image.shape[0] - border, border : image.shape[1] - border]


def psnr(image: np.ndarray, reference: np.ndarray, *, data_range: float | None = None) -> float:
    """Peak signal-to-noise ratio in dB: `10 log10(data_range² / MSE)`; infinite for equal images.

    Args:
        image, reference: same shape and range; numpy arrays or torch tensors.
        data_range: of floats, 1 or 255; see `images.data_range_of`.

    Errors: `InputError` on different shapes, empty images, NaN or infinity, and floats without their range.
    Source: Huynh-Thu and Ghanbari 2008.
    Paper: section 5.4, table 3. Chapter: 1.
    """
    image, reference, peak = _pair(image, reference, data_range)
    mse = float(np.mean((image - reference) ** 2))
    return float("inf") if mse == 0 else float(10 * np.log10(peak**2 / mse))


def ssim(image: np.ndarray, reference: np.ndarray, *, data_range: float | None = None) -> float:
    """Mean structural similarity over the valid area, with Wang et al.'s own settings.

    An 11×11 Gaussian window with σ = 1.5 and population (not sample) statistics; a window that
    would reach over the edge is left out.

    Args:
        image, reference: `(H, W)`, both sides ≥ 11, of the same range; numpy arrays or torch tensors.
        data_range: of floats, 1 or 255; see `images.data_range_of`.

    Errors: `InputError` on different shapes, images smaller than the window, NaN or infinity, and floats without
        their range.
    Source: Wang et al. 2004, eq. 13, K₁ = 0.01, K₂ = 0.03.
    Paper: section 5.4, table 3. Chapter: 1.
    """
    return float(np.mean(ssim_map(image, reference, data_range=data_range)))


def ssim_map(image: np.ndarray, reference: np.ndarray, *, data_range: float | None = None) -> np.ndarray:
    """The local SSIM that `ssim` averages: `(H − 10, W − 10)` float64, at most 1; arguments as in `ssim`."""
    image, reference, peak = _pair(image, reference, data_range)
    if image.ndim != 2 or min(image.shape) < 11:
        raise InputError(f"ssim wants (H, W) with both sides >= 11, got shape {image.shape}")
    offset = np.arange(-5, 6)
    window = np.exp(-(offset**2) / (2 * 1.5**2))
    window /= window.sum()

    def mean(x: np.ndarray) -> np.ndarray:
        return correlate1d(correlate1d(x, window, axis=0), window, axis=1)[5:-5, 5:-5]

    mean_x, mean_y = mean(image), mean(reference)
    var_x = mean(image * image) - mean_x**2
    var_y = mean(reference * reference) - mean_y**2
    covariance = mean(image * reference) - mean_x * mean_y
    c1, c2 = (0.01 * peak) ** 2, (0.03 * peak) ** 2
    luminance_contrast = (2 * mean_x * mean_y + c1) * (2 * covariance + c2)
    return luminance_contrast / ((mean_x**2 + mean_y**2 + c1) * (var_x + var_y + c2))


def power_spectrum(image: np.ndarray, bins: int = 50) -> tuple[np.ndarray, np.ndarray]:
    """Mean power of an image by spatial frequency, over all directions.

    Args:
        image: `(H, W)`, any real dtype and scale; a Hann window takes away what the edges would add.
        bins: number of steps from 0 to ½ cycle a pixel, the finest stripes that pixels can hold.

    Returns: `(frequency, power)`, each `(bins + 1,)` float64; frequency in cycles per pixel.
    Errors: `InputError` for another shape, or so few pixels that no frequency falls into one of the steps; two pixels
        per step on each side are always enough.
    Chapter: 1.
    """
    image = np.asarray(image, dtype=np.float64)
    if image.ndim != 2 or bins < 1 or 0 in image.shape:
        raise InputError(f"wanted (H, W) and at least one step, got shape {image.shape} and {bins} steps")
    window = np.outer(*(np.hanning(n) for n in image.shape))
    power = np.abs(np.fft.fft2((image - image.mean()) * window)) ** 2
    rows, columns = (np.fft.fftfreq(n) for n in image.shape)
    index = np.rint(np.hypot(rows[:, None], columns) * 2 * bins).astype(np.int64)
    inside = index <= bins  # the corners of the plane hold diagonal stripes only
    count = np.bincount(index[inside], minlength=bins + 1)
    if 0 in count:
        raise InputError(f"wanted fewer steps than {bins}: for shape {image.shape} one of them holds no frequency")
    return np.arange(bins + 1) / (2 * bins), np.bincount(index[inside], power[inside]) / count


def _pair(image: np.ndarray, reference: np.ndarray, data_range: float | None) -> tuple[np.ndarray, np.ndarray, float]:
    """Both in float64, and what is white in them."""
    image, reference = as_array(image), as_array(reference)
    if image.shape != reference.shape:
        raise InputError(f"images must have one shape, got {image.shape} and {reference.shape}")
    if image.size == 0:
        raise InputError(f"images must not be empty, got shape {image.shape}")
    peak = data_range_of(image, reference, data_range=data_range)
    image, reference = np.asarray(image, np.float64), np.asarray(reference, np.float64)
    if not (np.isfinite(image).all() and np.isfinite(reference).all()):
        raise InputError("images must not hold NaN or infinity")
    return image, reference, peak

"""The evaluation protocols: the authors', to the last rounding, and the usual slips, to see their cost."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from .degradation import degrade, degrade_real, modcrop
from .devices import tf32
from .errors import InputError
from .images import as_array, data_range_of, luma, rgb_to_ycbcr, to_8_bit_scale, to_uint8, ycbcr_to_rgb
from .metrics import psnr, shave, ssim

Network = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Protocol:
    """How a score is made from an image, a scale and a network.

    Attributes:
        name: the key in `PROTOCOLS`.
        summary: what it does differently, for tables.
        channel: `"matlab"` luma in [16, 235]; `"jpeg"` luma in [0, 255], as Pillow's YCbCr; `"rgb"`,
            the three channels together.
        round_truth: round YCbCr to 8 bits before anything else.
        round_output: end in 8 bits as a saved colour image would: round YCbCr, to RGB, round, back, round.
        clamp_input: hold the interpolated luma to [16, 235].
        cut_border: cut a border of `scale` pixels.
        kernel, up_kernel, antialias: see `degradation.degrade`.
    """

    name: str
    summary: str
    channel: str = "matlab"
    round_truth: bool = True
    round_output: bool = True
    clamp_input: bool = True
    cut_border: bool = True
    kernel: str = "bicubic"
    up_kernel: str = "bicubic"
    antialias: bool = True


_ALL_FLOAT: dict[str, Any] = {"round_truth": False, "round_output": False, "clamp_input": False}

PROTOCOLS: dict[str, Protocol] = {
    p.name: p
    for p in (
        Protocol("authors", "the authors' protocol"),
        Protocol("float-output", "8-bit ground truth, float output", round_output=False),
        Protocol("float", "all float", **_ALL_FLOAT),
        Protocol("float-no-shave", "all float, no border cut", **_ALL_FLOAT, cut_border=False),
        Protocol("bicubic-0.75-up", "all float; MATLAB down, a = −0.75 up", **_ALL_FLOAT, up_kernel="bicubic-0.75"),
        Protocol(
            "no-antialias",
            "all float; no antialiasing, a = −0.75 (OpenCV, torch default)",
            **_ALL_FLOAT,
            kernel="bicubic-0.75",
            up_kernel="bicubic-0.75",
            antialias=False,
        ),
        Protocol("jpeg-luma", "JPEG luma (Pillow's YCbCr) instead of MATLAB's", channel="jpeg", round_output=False),
        Protocol("rgb", "RGB instead of Y", channel="rgb", round_output=False),
    )
}


@dataclass(frozen=True)
class Score:
    """PSNR in dB and SSIM of one image, or the mean of a set."""

    psnr: float
    ssim: float


@dataclass(frozen=True, eq=False)
class Reconstruction:
    """What a protocol compares, both `(H, W)` or `(H, W, 3)` float64 on the 8-bit scale, uncut."""

    output: np.ndarray
    truth: np.ndarray


def get_protocol(protocol: str | Protocol) -> Protocol:
    """A protocol by name. Errors: `InputError` for an unknown one."""
    if isinstance(protocol, Protocol):
        return protocol
    if protocol not in PROTOCOLS:
        raise InputError(f"no protocol named {protocol!r}; there are {', '.join(PROTOCOLS)}")
    return PROTOCOLS[protocol]


def predict_luma(network: Network | None, interpolated: np.ndarray, *, data_range: float | None = None) -> np.ndarray:
    """Run a network on one interpolated luma plane.

    Args:
        network: a module or function `(1, 1, H, W)` in [0, 1] → the same; None is bicubic itself.
        interpolated: `(H, W)`.
        data_range: of floats, 1 or 255; see `images.data_range_of`.

    Returns: `(H, W)` float64 in the range of the input, unclamped.
    Errors: `InputError` when the network changes the size, and for floats without their range.
    """
    interpolated = as_array(interpolated)
    top = data_range_of(interpolated, data_range=data_range)
    if network is None:
        return np.asarray(interpolated, np.float64)
    parameter = next(network.parameters(), None) if isinstance(network, nn.Module) else None
    if isinstance(network, nn.Module):
        # The layout, not the values: twice as fast on a CPU, and a tile then equals its part of the whole, bit for bit.
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    device = parameter.device if parameter is not None else torch.device("cpu")
    dtype = parameter.dtype if parameter is not None else torch.float32
    x = torch.as_tensor(interpolated / top, dtype=dtype, device=device)[None, None]
    with torch.inference_mode(), tf32(False):  # TF32 keeps 10 bits, and the protocol rounds to 8
        y = network(x.contiguous(memory_format=torch.channels_last))
    if y.shape != x.shape:
        raise InputError(f"the network made {tuple(y.shape)} of {tuple(x.shape)}, wanted the same size")
    return y[0, 0].double().cpu().numpy() * top


def reconstruct(
    image: np.ndarray,
    scale: int,
    network: Network | None = None,
    protocol: str | Protocol = "authors",
    *,
    data_range: float | None = None,
) -> Reconstruction:
    """Degrade an image by a protocol, and restore it with a network.

    Args:
        image: `(H, W)` or `(H, W, 3)` RGB, any size ≥ the scale; uint8 as the protocols were made for, or another.
        scale: whole number ≥ 1.
        network: see `predict_luma`.
        protocol: a `Protocol` or the name of one.
        data_range: of floats, 1 or 255; see `images.data_range_of`.

    Errors: `InputError` for another image or scale, floats without their range, an unknown protocol, or a network
        that changes the size.
    Paper: section 5.3; the authors' release, `Demo_SR_Conv.m`. Chapter: 1.
    """
    p = get_protocol(protocol)
    image = as_array(image)
    if not (image.ndim == 2 or (image.ndim == 3 and image.shape[2] == 3)):
        raise InputError(f"image must be (H, W) or (H, W, 3), got shape {image.shape}")
    image = modcrop(to_8_bit_scale(image, data_range), scale)
    if p.channel == "rgb":
        return _reconstruct_rgb(image, scale, network, p)

    grey = image.ndim == 2
    planes = image[..., None] if grey else _to_ycbcr(image, p)
    if p.round_truth:
        planes = _rounded(planes)
    interpolated = degrade(planes, scale, kernel=p.kernel, up_kernel=p.up_kernel, antialias=p.antialias).interpolated
    y = interpolated[..., 0]
    if p.clamp_input and p.channel == "matlab":
        y = np.clip(y, 16, 235)
    output = predict_luma(network, y, data_range=255)
    if p.round_output:
        output = _rounded(output)
        if not grey:
            # A colour image is saved as 8-bit RGB; its luma is read back from there.
            ycbcr = to_uint8(np.dstack([output, interpolated[..., 1:]]), data_range=255)
            saved = to_uint8(ycbcr_to_rgb(ycbcr), data_range=255)
            output = _rounded(rgb_to_ycbcr(saved)[..., 0])
    return Reconstruction(output, planes[..., 0])


def _rounded(image: np.ndarray) -> np.ndarray:
    return to_uint8(image, data_range=255).astype(np.float64)


def score(
    image: np.ndarray,
    scale: int,
    network: Network | None = None,
    protocol: str | Protocol = "authors",
    *,
    data_range: float | None = None,
) -> Score:
    """PSNR and SSIM of one image; arguments as in `reconstruct`."""
    p = get_protocol(protocol)
    result = reconstruct(image, scale, network, p, data_range=data_range)
    border = scale if p.cut_border else 0
    output, truth = shave(result.output, border), shave(result.truth, border)
    if output.ndim == 2:
        return Score(psnr(output, truth, data_range=255), ssim(output, truth, data_range=255))
    channels = [ssim(output[..., k], truth[..., k], data_range=255) for k in range(output.shape[2])]
    return Score(psnr(output, truth, data_range=255), float(np.mean(channels)))


def evaluate(
    images: Mapping[str, np.ndarray],
    scales: Sequence[int],
    network: Network | None = None,
    protocol: str | Protocol = "authors",
    *,
    data_range: float | None = None,
    progress: Callable[[Iterable], Iterable] = iter,
) -> dict[int, dict[str, Score]]:
    """Scores of a set of images: `result[scale][image name]`; average them with `mean_score`.

    Args:
        images: images by name, as `datasets.load_set` gives them.
        scales: whole numbers ≥ 1.
        network, protocol, data_range: see `reconstruct`.
        progress: wraps the sequence of `(scale, name)`, such as `tqdm`.
    """
    if not images or not scales:
        raise InputError(f"nothing to evaluate: {len(images)} images, scales {tuple(scales)}")
    results: dict[int, dict[str, Score]] = {scale: {} for scale in scales}
    for scale, name in progress([(scale, name) for scale in scales for name in images]):
        results[scale][name] = score(images[name], scale, network, protocol, data_range=data_range)
    return results


def mean_score(scores: Mapping[str, Score]) -> Score:
    """The mean of PSNRs and of SSIMs over images, as every table of the paper has it."""
    return Score(float(np.mean([s.psnr for s in scores.values()])), float(np.mean([s.ssim for s in scores.values()])))


def _to_ycbcr(image: np.ndarray, p: Protocol) -> np.ndarray:
    if p.channel == "matlab":
        return rgb_to_ycbcr(image, data_range=255)
    return (image @ np.array([0.299, 0.587, 0.114]))[..., None]


def _reconstruct_rgb(image: np.ndarray, scale: int, network: Network | None, p: Protocol) -> Reconstruction:
    truth = _rounded(image) if p.round_truth else image
    up = degrade(truth, scale, kernel=p.kernel, up_kernel=p.up_kernel, antialias=p.antialias).interpolated
    if truth.ndim == 2:
        return Reconstruction(predict_luma(network, up, data_range=255), truth)
    output = np.dstack([predict_luma(network, up[..., k], data_range=255) for k in range(3)])
    return Reconstruction(output, truth)


def psnr_real(
    image: np.ndarray, scale: float, network: Network | None = None, *, data_range: float | None = None
) -> float:
    """PSNR (dB) of a network at any real scale, on luma, by the protocol `"float"`: nothing rounded, nothing clamped.

    Args:
        image: `(H, W)` or `(H, W, 3)` RGB.
        scale: real number ≥ 1; the border that is cut is as wide, rounded up.
        network: see `evaluation.predict_luma`; None is bicubic itself.
        data_range: of floats, 1 or 255; see `images.data_range_of`.

    Errors: `InputError`, see `degrade_real`.
    Chapter: 7.
    """
    truth = luma(image, data_range=data_range)
    interpolated = degrade_real(truth, scale).interpolated
    border = math.ceil(scale)
    output = predict_luma(network, interpolated, data_range=255)
    return psnr(shave(output, border), shave(truth, border), data_range=255)

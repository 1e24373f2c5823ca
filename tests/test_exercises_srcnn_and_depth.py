"""Self-checks of SRCNN and of initialisation: right answers pass, usual mistakes get a hint."""

import itertools

import numpy as np
import pytest
import torch

from vdsr_lib.book import exercises
from vdsr_lib.book.exercises import WrongAnswer
from vdsr_lib.models import SRCNN


def soft(u, t):
    return np.maximum(u - t, 0) - np.maximum(-u - t, 0)


def ista(atoms, patch, weight, steps):
    code = np.zeros(len(atoms))
    for _ in range(steps):
        code = soft(code + atoms @ (patch - code @ atoms), weight)
    return code


def identity(channels=2):
    net = SRCNN(kernels=(1, 1, 1), widths=(channels, channels))
    signs = torch.tensor([1.0, -1.0])[:channels]
    with torch.no_grad():
        for conv in net.convs:
            conv.bias.zero_()
        net.convs[0].weight.copy_(signs.view(-1, 1, 1, 1))
        net.convs[1].weight.copy_(torch.eye(channels)[:, :, None, None])
        net.convs[2].weight.copy_(signs.view(1, -1, 1, 1))
    return net


@torch.no_grad()
def sharper(sharpen=0.5, kernels=(9, 1, 5)):
    """The identity plus a part of what it is above its 3×3 mean: what a little training makes of it, set by hand."""
    net = SRCNN(kernels)
    for conv in net.convs:
        conv.weight.zero_()
    a, b, c = net.convs
    k = kernels[0] // 2
    a.weight[0, 0, k, k], a.weight[1, 0, k, k] = 1, -1
    b.weight[:2, :2, 0, 0] = torch.eye(2)
    if sharpen:
        c.weight[0, 0, 1:4, 1:4], c.weight[0, 1, 1:4, 1:4] = -sharpen / 9, sharpen / 9
    c.weight[0, :2, kernels[2] // 2, kernels[2] // 2] += torch.tensor([1.0, -1.0]) * (1 + sharpen)
    return net


def chain(depth, width, between=torch.nn.Sigmoid, last=False):
    channels = [1, *[width] * (depth - 1), 1]
    parts = []
    for a, b in itertools.pairwise(channels):
        parts += [torch.nn.Conv2d(a, b, 3, padding=1), between()]
    return torch.nn.Sequential(*(parts if last else parts[:-1]))


def behind_relus(layers, start):
    found = energies(layers, start)
    return [e / 2 for e in found[:-1]] + found[-1:]


def energies(layers, start, first=1.0):
    found = []
    for k, (n, v) in enumerate(layers):
        start *= n * v * (0.5 if k else first)
        found.append(start)
    return found


@torch.no_grad()
def level(network, x):
    for conv in network.convs:
        size = conv(x).square().mean().sqrt()
        conv.weight /= size
        x = conv(x).relu()


@torch.no_grad()
def level_at_once(network, x):
    for conv in network.convs:
        conv.weight /= conv.weight.norm()


@torch.no_grad()
def drawn_anew(network, x):
    for conv in network.convs:
        conv.weight.normal_()
    level(network, x)


RIGHT = {
    "weight_count": 57_184,
    "soft_threshold": soft,
    "ista": ista,
    "identity_network": identity,
    "trained_srcnn": sharper(),
    "leaky_gain": 2 / 1.04,
    "layer_energies": energies,
    "fan_out_energy": 64,
    "levelled_network": level,
    "sigmoid_chain": chain,
}
WRONG = [
    ("weight_count", 57_281, "biases"),
    ("weight_count", 8_032, "9-1-5"),
    ("weight_count", 5, "kernel height"),
    ("soft_threshold", lambda u, t: np.maximum(u - t, 0), "positive side"),
    ("soft_threshold", lambda u, t: np.where(np.abs(u) > t, u, 0), "hard"),
    ("soft_threshold", lambda u, t: u, "for t = 0.5 and u = −3 it gives −3, wanted −2.5"),
    ("soft_threshold", lambda u, t: u - t * np.sign(u), "for t = 0.5 and u = .* wanted −?0"),
    ("soft_threshold", lambda u, t: np.maximum(0, u - t) + np.maximum(0, -u - t), "come back positive"),
    ("soft_threshold", lambda u, t: u[:3], "shape"),
    ("ista", lambda a, p, w, s: ista(a, p, w, min(s, 50)), "after 200 steps"),
    ("ista", lambda a, p, w, s: ista(a, p, w, 1), "after 2 steps"),
    ("ista", lambda a, p, w, s: p, "12 numbers"),
    ("identity_network", lambda: identity(1), "negative values"),
    ("identity_network", lambda: SRCNN(), "for a picture the result"),
    ("identity_network", torch.nn.Identity, "an SRCNN is wanted, got Identity"),
    ("trained_srcnn", identity(), "kernels of 9, 1 and 5"),
    ("trained_srcnn", sharper(0), "has not moved"),
    ("trained_srcnn", SRCNN(), "below bicubic"),
    ("trained_srcnn", torch.nn.Identity(), "got Identity"),
    ("leaky_gain", 2, "ReLU's gain"),
    ("leaky_gain", 2 / 1.2, "squared"),
    ("leaky_gain", 1, "half of the energy"),
    ("layer_energies", lambda layers, start: energies(layers, start, first=0.5), "before the first"),
    ("layer_energies", lambda layers, start: np.sqrt(energies(layers, start)), "sizes"),
    ("layer_energies", behind_relus, "after each ReLU"),
    ("layer_energies", lambda layers, start: start * np.cumprod([n * v for n, v in layers]), "throws away half"),
    ("layer_energies", lambda layers, start: np.ones(len(layers)), "one half"),
    ("layer_energies", lambda layers, start: start, "shape"),
    ("fan_out_energy", 8, "square"),
    ("fan_out_energy", 2, "fan-out"),
    ("fan_out_energy", 64.5, "fan-out"),
    ("levelled_network", level_at_once, "layer"),
    ("levelled_network", lambda network, x: None, "no weight has changed"),
    ("levelled_network", drawn_anew, "one number"),
    ("sigmoid_chain", lambda d, w: chain(d, w, torch.nn.ReLU), "ReLUs still"),
    ("sigmoid_chain", lambda d, w: chain(d, w, last=True), "no sigmoid behind"),
    ("sigmoid_chain", lambda d, w: chain(d - 1, w), "it has 7"),
    ("sigmoid_chain", lambda d, w: chain(d, w, torch.nn.Tanh), "not that of its convolutions"),
    ("sigmoid_chain", lambda d, w: 3, "a network is wanted"),
]


@pytest.mark.parametrize("name", RIGHT)
def test_right_answers_pass_and_say_so(name, capsys):
    getattr(exercises, f"check_{name}")(RIGHT[name])
    assert f"✓ {name.replace('_', ' ')}: right" in capsys.readouterr().out


@pytest.mark.parametrize(("name", "answer", "hint"), WRONG)
def test_each_mistake_gets_a_hint_of_its_own(name, answer, hint):
    with pytest.raises(WrongAnswer, match=hint):
        getattr(exercises, f"check_{name}")(answer)


@pytest.mark.parametrize("name", [name for name, answer in RIGHT.items() if callable(answer)])
def test_a_function_whose_body_is_still_three_dots_fails(name):
    with pytest.raises(WrongAnswer):
        getattr(exercises, f"check_{name}")(lambda *_: None)

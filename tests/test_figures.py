"""The figures: one style that leaves no trace, true drawings, words for each."""

import itertools
import re
from xml.etree import ElementTree

import matplotlib
import numpy as np
import pytest
import test_figures_of_rates
import test_figures_of_scales
import test_figures_of_the_clip
from matplotlib.backends.backend_agg import FigureCanvasAgg

from vdsr_lib.analysis.gradient_flow import Flow
from vdsr_lib.book import figures
from vdsr_lib.book.figures.style import STYLE
from vdsr_lib.errors import InputError
from vdsr_lib.resize import axis_weights

SPAN = np.linspace(-3, 3, 7)
BELL = np.exp(-np.add.outer(SPAN**2, SPAN**2))
FLOW = Flow(0.5 ** np.arange(5), 0.5 ** np.arange(5)[::-1], np.ones(5))
RUNS = {"a": ([1, 2], [20.0, 25.0]), "b": ([1, 2], [10.0, 11.0])}

FIGURES = {
    "cubic_kernels": lambda: figures.cubic_kernels({"a": -0.5, "b": -0.75}),
    "bicubic_weights": lambda: figures.bicubic_weights(1 / 3),
    "spectra": lambda: figures.spectra(np.arange(1, 5) / 8, {"y": np.ones(4), "x": np.ones(4) / 2}, {"limit": 0.2}),
    "slip_costs": lambda: figures.slip_costs({"×2": {"RGB": -1.0, "float": 0.1}, "×3": {"RGB": -1.2, "float": 0.0}}),
    "quality_bars": lambda: figures.quality_bars(["noise", "blur"], [25.0, 25.0], [0.5, 0.9]),
    "layer_cone": lambda: figures.layer_cone([3, 3], [1, 2]),
    "receptive_field_growth": lambda: figures.receptive_field_growth(4, 3),
    "reached_pixels": lambda: figures.reached_pixels({"all": np.ones((3, 3), bool), "one": np.eye(3) > 2}),
    "gradient_maps": lambda: figures.gradient_maps({"a": BELL, "b": BELL * 2}, squares={"a": 3}),
    "profiles": lambda: figures.profiles(
        SPAN, {"a": SPAN, "b": -SPAN}, xlabel="distance", ylabel="gain", marks={"zero": 0}
    ),
    "growth_laws": lambda: figures.growth_laws([4, 8], {"line": [1, 2], "points": [1, 2]}, measured="points"),
    "chain_energies": lambda: figures.chain_energies(FLOW, FLOW),
    "score_by_depth": lambda: figures.score_by_depth({"He": ([2, 8], [26.5, 28.6])}, {"bicubic": 27.9}),
    "score_by_time": lambda: figures.score_by_time({"a": (1e-3, 30.0), "b": (1, 31.0)}, xlabel="s", ylabel="dB"),
    "network_drawing": lambda: figures.network_drawing(depth=5, width=8),
    "learning_curves": lambda: figures.learning_curves({"step": RUNS, "second": RUNS}, {"bicubic": 24.0}),
    "paper_against_here": lambda: figures.paper_against_here({"a": [(30.0, 30.0), (31.0, 29.0)]}, low=25, unit="dB"),
    "gain_map": lambda: figures.gain_map({"here": np.eye(2)}, ["×2", "×3"], ["{2}", "{3}"], "dB"),
}
FIGURES |= test_figures_of_rates.FIGURES | test_figures_of_scales.FIGURES | test_figures_of_the_clip.FIGURES


def test_every_figure_is_tried():
    """Each is in the table above, so that each test below sees it."""
    drawn = {n for n, f in vars(figures).items() if getattr(f, "__annotations__", {}).get("return") == "BookFigure"}
    assert len(drawn) >= 25
    assert drawn - {name for make in FIGURES.values() for name in make.__code__.co_names} == set()


@pytest.mark.parametrize("name", FIGURES)
def test_each_figure_is_a_vector_drawing_with_words_and_leaves_no_trace(name):
    before = dict(matplotlib.rcParams)
    figure = FIGURES[name]()
    svg = figure._repr_svg_()
    assert dict(matplotlib.rcParams) == before
    assert isinstance(figure, figures.BookFigure)
    assert ElementTree.fromstring(svg).tag.endswith("svg")
    assert len(figure.alt) > 20
    assert figure.get_facecolor() == (1, 1, 1, 1)  # read on a dark page too


@pytest.mark.parametrize("name", FIGURES)
def test_the_same_figure_is_the_same_file(name):
    assert FIGURES[name]()._repr_svg_() == FIGURES[name]()._repr_svg_()


@pytest.mark.parametrize("name", FIGURES)
def test_letters_are_large_enough_on_a_phone(name):
    figure = FIGURES[name]()
    assert figure.get_figwidth() == figures.WIDTH
    sizes = [t.get_fontsize() for t in figure.findobj(matplotlib.text.Text) if t.get_text() and t.get_visible()]
    # The figure, WIDTH inches at 96 pixels an inch, shrinks to the 350 pixels of a phone's page.
    assert min(sizes) * 96 / 72 * 350 / (figures.WIDTH * 96) >= 8


@pytest.mark.parametrize("name", FIGURES)
def test_no_letters_are_cut_off(name):
    figure = FIGURES[name]()
    with figures.book_style():
        renderer = FigureCanvasAgg(figure).get_renderer()
        figure.draw(renderer)
        box = figure.bbox
        for text in figure.findobj(matplotlib.text.Text):
            if text.get_text().strip() and text.get_visible() and text.axes is not None and text.axes.get_visible():
                extent = text.get_window_extent(renderer)
                if extent.width and text in text.axes.get_children():
                    assert box.x0 - 1 <= extent.x0 <= extent.x1 <= box.x1 + 1, text.get_text()


def contrast(first, second):
    """The contrast ratio of the web's accessibility guidelines."""

    def luminance(color):
        rgb = np.array(matplotlib.colors.to_rgb(color))
        return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4) @ [0.2126, 0.7152, 0.0722]

    light, dark = sorted((luminance(first), luminance(second)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_the_first_two_colours_stand_out_from_white():
    for name in ("blue", "orange"):
        assert contrast(figures.COLORS[name], "white") >= 3


def test_the_colours_stay_apart_for_the_colour_blind():
    # Machado, Oliveira and Fernandes 2009: full protanopia and deuteranopia, in linear RGB.
    machado = {
        "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
        "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    }
    for matrix in machado.values():
        seen = {}
        for name in ("blue", "orange", "green", "purple"):
            rgb = np.array(matplotlib.colors.to_rgb(figures.COLORS[name])) ** 2.2
            seen[name] = np.clip(np.array(matrix) @ rgb, 0, 1) ** (1 / 2.2)
        for a, b in itertools.combinations(seen, 2):
            assert np.abs(seen[a] - seen[b]).max() > 0.15, (a, b)


def test_style_holds_only_inside():
    before = matplotlib.rcParams["font.size"], matplotlib.rcParams["axes.grid"]
    with figures.book_style():
        assert matplotlib.rcParams["font.size"] == STYLE["font.size"]
    assert (matplotlib.rcParams["font.size"], matplotlib.rcParams["axes.grid"]) == before


def test_style_is_taken_off_after_an_error():
    before = matplotlib.rcParams["font.size"]
    with pytest.raises(IndexError):
        figures.reached_pixels({"bad": np.ones(())})
    assert matplotlib.rcParams["font.size"] == before


@pytest.mark.parametrize("scale", [1 / 4, 1 / 3, 1, 2, 4])
def test_bicubic_weights_draws_a_row_of_the_matrix(scale):
    figure = figures.bicubic_weights(scale)
    image, bars = figure.axes
    matrix = axis_weights(16, round(16 * scale), scale).matrix()
    np.testing.assert_allclose(image.images[0].get_array(), matrix)
    np.testing.assert_allclose([bar.get_height() for bar in bars.patches], matrix[round(16 * scale) // 2])
    assert f"16 pixels become {round(16 * scale)}." in figure.alt


def test_bicubic_weights_frames_the_row_that_is_asked_for_and_lets_it_be_dragged():
    assert list(figures.bicubic_rows(1 / 3)) == [0, 1, 2, 3, 4]
    for row in (0, 17, 31):
        figure = figures.bicubic_weights(2, row=row)
        bars = figure.axes[1].patches
        np.testing.assert_allclose([bar.get_height() for bar in bars], axis_weights(16, 32, 2).matrix()[row])
        assert f"Output pixel {row} mixes" in figure.alt
        (handle,) = figure.handles
        left, top, right, bottom = handle.box()
        # Each row is as high as the others, and the first one lies on top.
        shares = [handle.shares(k)[0] for k in range(32)]
        np.testing.assert_allclose(shares, top + (bottom - top) * (np.arange(32) + 0.5) / 32)
        assert 0 < left < right < 1
        assert (handle.slider, handle.along) == ("row", "y")
    for row in (-1, 32, 1.5):
        with pytest.raises(InputError, match="row must be from 0 to 31 at scale 2, got"):
            figures.bicubic_weights(2, row=row)


@pytest.mark.parametrize(("depth", "kernel", "side"), [(20, 3, 41), (1, 3, 3), (20, 7, 121), (5, 5, 21)])
def test_receptive_field_growth_draws_the_field(depth, kernel, side):
    figure = figures.receptive_field_growth(depth, kernel)
    widths = [patch.get_width() for patch in figure.axes[0].patches]
    assert max(w for w in widths if w not in (13, 41) or w == side) == side
    assert sorted(widths)[0] == 1
    assert f"{'sees' if depth == 1 else 'see'} {side}×{side}" in figure.alt


@pytest.mark.parametrize(
    ("kernels", "dilations", "used", "span"),
    [([3, 3, 3, 3], None, 9, 9), ([9, 1, 5], None, 13, 13), ([3, 3, 3], [2, 2, 2], 7, 13), ([3, 3], [1, 3], 9, 9)],
)
def test_layer_cone_counts_the_pixels(kernels, dilations, used, span):
    alt = figures.layer_cone(kernels, dilations).alt
    assert f"uses {used} input pixels, over a span of {span}" in alt


def test_gradient_maps_are_in_powers_of_ten_of_the_strongest():
    values = np.array([[1.0, 0.1, 0.0], [0.1, 10.0, 0.1], [1e-6, 0.1, 1.0]])
    drawn = figures.gradient_maps({"map": values}, decades=4).axes[0].images[0].get_array()
    np.testing.assert_allclose(drawn[0, :2], [-1, -2])
    assert drawn[1, 1] == 0
    assert drawn.mask[0, 2]
    assert drawn.mask[2, 0]


def test_signed_picture_is_grey_at_zero():
    shown = figures.signed_picture(np.array([[0.0, 10.0, -10.0, 200.0, -200.0]]), gain=2)
    assert shown.dtype == np.uint8
    assert shown.tolist() == [[128, 148, 108, 255, 0]]


def test_colored_picture_goes_from_one_end_to_the_other():
    shown = figures.colored_picture(np.array([[-5.0, 0.0, 1.0, 9.0]]), 0, 1)
    assert shown.shape == (1, 4, 3)
    assert shown[0, 0].tolist() == shown[0, 1].tolist()
    assert shown[0, 2].tolist() == shown[0, 3].tolist()
    assert shown[0, 1, 2] > shown[0, 1, 0]  # cividis begins in blue and ends in yellow
    assert shown[0, 2, 0] > shown[0, 2, 2]


def test_framed_picture_draws_around_the_pixels_and_not_over_the_middle():
    image = np.full((9, 9), 100.0)
    framed = figures.framed_picture(image, {"orange": (4, 4, 3)}, zoom=4)
    assert framed.shape == (36, 36, 3)
    orange = np.array([int(figures.COLORS["orange"][k : k + 2], 16) for k in (1, 3, 5)])
    drawn = (framed == orange).all(axis=2)
    rows, columns = np.nonzero(drawn)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (12, 23, 12, 23)
    assert not drawn[16:20, 16:20].any()
    assert (framed[~drawn] == 100).all()


def test_framed_picture_cuts_what_lies_outside():
    framed = figures.framed_picture(np.zeros((5, 5)), {"blue": (0, 0, 5)})
    assert framed.shape == (5, 5, 3)
    assert framed.any()


def test_svg_text_of_frames_is_text():
    svg = figures.receptive_field_growth(20, 3)._repr_svg_()
    assert "41 × 41" in re.sub(r"<[^>]+>", " ", svg)
    assert len(svg) < 12_000  # sixty of them stand on one page

"""The book's figures by subject: one function per figure, each returning it. Nothing here computes a result."""

from importlib.util import find_spec

if find_spec("matplotlib") is None:
    raise ImportError("the book's figures need matplotlib: pip install 'vdsr-lib[notebooks]'")

from .fields import gradient_maps, growth_laws, layer_cone, profiles, reached_pixels, receptive_field_growth
from .learning import (
    chain_energies,
    clip_explorer,
    clip_shapes,
    gain_paths,
    learning_curves,
    parabola_steps,
    rate_sweep,
    residual_histogram,
    run_curves,
    table1_curves,
    two_runs,
)
from .networks import network_drawing
from .pixels import Mosaic, colored_picture, filter_mosaic, framed_picture, signed_picture
from .results import (
    differences,
    gain_map,
    gains,
    ledger_states,
    paper_against_here,
    quality_bars,
    roofline,
    score_by_depth,
    score_by_time,
    slip_costs,
)
from .sampling import bicubic_rows, bicubic_weights, cubic_kernels, power_ratio, spectra
from .style import COLORS, WIDTH, BookFigure, book_style

__all__ = [
    "COLORS",
    "WIDTH",
    "BookFigure",
    "Mosaic",
    "bicubic_rows",
    "bicubic_weights",
    "book_style",
    "chain_energies",
    "clip_explorer",
    "clip_shapes",
    "colored_picture",
    "cubic_kernels",
    "differences",
    "filter_mosaic",
    "framed_picture",
    "gain_map",
    "gain_paths",
    "gains",
    "gradient_maps",
    "growth_laws",
    "layer_cone",
    "learning_curves",
    "ledger_states",
    "network_drawing",
    "paper_against_here",
    "parabola_steps",
    "power_ratio",
    "profiles",
    "quality_bars",
    "rate_sweep",
    "reached_pixels",
    "receptive_field_growth",
    "residual_histogram",
    "roofline",
    "run_curves",
    "score_by_depth",
    "score_by_time",
    "signed_picture",
    "slip_costs",
    "spectra",
    "table1_curves",
    "two_runs",
]

"""The words that readers search for, where the book says it otherwise: entries of the search and of the index."""

from __future__ import annotations

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx

# By page. What is searched for leads there first.
WORDS = {
    "01_task": ("imresize", "bicubic interpolation", "downsampling", "antialiasing"),
    "01b_score": ("PSNR", "SSIM", "evaluation", "metrics", "protocol"),
    "02_receptive_field": ("receptive field", "context", "padding", "dilated convolution"),
    "03_srcnn": ("SRCNN", "training loop", "loss function"),
    "04_going_deep": ("vanishing gradients", "initialisation", "initialization", "depth of a network"),
    "05_residual_learning": ("residual learning", "skip connection"),
    "06_gradient_clipping": ("gradient clipping", "exploding gradients", "learning rate", "divergence", "not a number"),
    "07_many_scales": ("several scales", "data augmentation", "multi-scale training"),
    "08_reproduction": (
        "training time", "how long does training take", "dataset download", "datasets", "results", "pretrained weights",
    ),
    "09_ten_years_later": ("overfitting", "generalisation", "generalization", "optimiser", "Adam", "Muon", "ensemble"),
    "10_scaling_and_shipping": (
        "GPU", "graphics card", "CUDA", "how long does training take", "training time", "half precision",
        "mixed precision", "quantisation", "pretrained weights", "ONNX", "memory",
    ),
    "train_it_yourself": ("GPU", "CUDA", "graphics card", "how long does training take", "training time"),
    "playground": ("training in the browser", "gradient clipping", "exploding gradients", "divergence"),
    "networks": ("pretrained weights", "model zoo", "checkpoints"),
    "library": ("dataset download", "datasets", "pretrained weights", "command line", "API"),
    "intro": ("installation", "GPU", "training time"),
    "failure_gallery": ("mistakes", "overfitting"),
    "try_it": ("demo", "own picture", "WebGPU"),
}  # fmt: skip


def add_entries(app: Sphinx, doctree: nodes.document) -> None:
    """Put a page's entries at its top."""
    words = WORDS.get(app.env.docname, ())
    if words:
        doctree.insert(0, addnodes.index(entries=[("single", word, "", "main", None) for word in words]))


def setup(app: Sphinx) -> None:
    """Called by `vdsr_ext`."""
    app.connect("doctree-read", add_entries)

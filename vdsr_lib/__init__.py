"""vdsr_lib: VDSR (Kim, Lee and Lee, CVPR 2016), exact to the last rounding.

Flat modules, each named by its noun; import what you need, e.g. `from vdsr_lib.models import VDSR`.
Importing any of them changes no global state and downloads nothing.
"""

__version__ = "0.1.0"

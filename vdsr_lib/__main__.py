"""`python -m vdsr_lib` is the command `vdsr`."""

import sys

from .cli import main

sys.exit(main())

"""`python -m vdsr_lib` is the command `vdsr`."""

import sys

from .cli import main

if __name__ == "__main__":
    sys.exit(main())

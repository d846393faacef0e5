"""`python -m tinygrad_lite` is the same as `tinygrad-lite`."""

import sys

from tinygrad_lite.cli import main

if __name__ == "__main__":
    sys.exit(main())

"""`python -m prefixd.dissect HEX`, for a checkout; installed, it is a verb of the program."""

import sys

from prefixd.dissect.command import main

if __name__ == "__main__":
    sys.exit(main())

"""`python3 -m coursetool` is what the script `./course` starts."""
import sys

from coursetool.cli import main

sys.exit(main(sys.argv[1:]))

"""`python -m hwsim.cli`: the command, where its script is not on the path."""

import sys

from hwsim.cli import main

sys.exit(main())

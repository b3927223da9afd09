"""The command as `python -m hwsim.cli`, for a shell whose path lacks the script `hwsim`."""

import sys

from hwsim.cli import main

sys.exit(main())

"""Where tests leave what they remember, and how a failure is replayed."""

from pathlib import Path

from hypothesis import settings
from hypothesis.configuration import set_hypothesis_home_dir

set_hypothesis_home_dir(str(Path(__file__).parents[1] / "build" / "hypothesis"))
settings.register_profile("replayable", print_blob=True)
settings.load_profile("replayable")

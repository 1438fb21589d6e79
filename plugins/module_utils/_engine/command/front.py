# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command as a whole: whatever happens in it becomes an exit code and a sentence."""

from __future__ import annotations

import os
import traceback
from collections.abc import Sequence

from .. import signals
from . import app, exits, output


def run(arguments: Sequence[str]) -> int:
    """Run the command that the arguments name; return its exit code."""
    output.prepare()
    try:
        with signals.raised():
            return app.run(arguments)
    except signals.Ended as ended:
        output.say(str(ended))
        return exits.SIGNAL_BASE + ended.number
    except Exception as error:  # noqa: BLE001 - a defect of ours; its message could hold anything
        frame = traceback.extract_tb(error.__traceback__)[-1]
        place = f"{os.path.basename(frame.filename)}:{frame.lineno}"
        output.say(f"{type(error).__name__} in {place}: this is a defect of {output.NAME}")
        return exits.OTHER

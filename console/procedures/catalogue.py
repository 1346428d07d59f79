"""Every procedure that can be run here: what is built in, with the operator's own."""

from __future__ import annotations

from console.procedures.step import Procedure


def catalogue() -> tuple[Procedure, ...]:
    """All of them, read now. Raises SettingsError: what the operator wrote is not acceptable."""
    from console.procedures.built_in import BUILT_IN
    from console.procedures.own_file import read_own_procedures
    from console.procedures.own_steps import with_own

    return with_own(BUILT_IN, read_own_procedures())

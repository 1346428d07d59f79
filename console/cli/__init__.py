"""The command line: `upgrade-console`, a file per noun; everything else is imported when a verb needs it."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: The arguments without the program's name; None takes the process's own.

    Returns:
        0 done, 1 refused or failed (one sentence on stderr), 2 usage.
    """
    # Nothing that the console makes up to its first frame is garbage: to look for some costs a tenth of the way to it.
    gc.disable()
    from console.cli.arguments import parse
    from console.errors import ConsoleError

    try:
        arguments = parse(argv)
        if arguments.verb != "open":
            gc.enable()
        code: int = arguments.run(arguments)
        sys.stdout.flush()
    except SystemExit as ended:  # argparse has printed help, a version or the usage
        return ended.code if isinstance(ended.code, int) else 2
    except ConsoleError as error:
        return _failed(str(error))
    except BrokenPipeError:
        # The reader has enough, for example `| head`. Python flushes stdout once more at exit, into nothing then.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return _failed("interrupted.")
    except Exception as error:
        return _unexpected(error)
    finally:
        gc.enable()
    return code


def _unexpected(error: Exception) -> int:
    """One sentence for what nobody foresaw; the traceback only when asked for."""
    from console.errors import ConsoleError

    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    if os.environ.get("UPGRADE_CONSOLE_DEBUG") == "1":
        import traceback

        traceback.print_exception(error)
    if isinstance(error, ConsoleError):
        return _failed(str(error))
    return _failed(f"unexpected {type(error).__name__}: {error}; set UPGRADE_CONSOLE_DEBUG=1 to see where.")


def _failed(sentence: str) -> int:
    from console.cli.printing import complain

    complain(sentence)
    return 1

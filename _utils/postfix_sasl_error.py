"""What can go wrong on a host, as the error that Salt shows without a traceback."""

import contextlib
import subprocess

from postfix_sasl_text import visible
from salt.exceptions import CommandExecutionError


@contextlib.contextmanager
def shown(label=None):
    """Raise CommandExecutionError for what goes wrong inside, with the same words.

    label
        What to say before them, such as the name of a part.
    """
    try:
        yield
    except (OSError, RuntimeError, ValueError, subprocess.SubprocessError) as error:
        said = f"{label}: {error}" if label else str(error)
        raise CommandExecutionError(visible(said)) from error

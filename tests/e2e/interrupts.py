# SPDX-License-Identifier: GPL-2.0
"""
SIGINT, SIGTERM and SIGHUP end a run in good order: as KeyboardInterrupt, on
which everything is taken away. held() is for the moments between making a thing
and knowing of it.
"""

import contextlib
import signal

_held = 0
_came = False


def _handle(_number, _frame):
    global _came  # pylint: disable=global-statement
    if _held:
        _came = True
    else:
        raise KeyboardInterrupt


def install():
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _handle)


def ignore():
    """From here on nothing interrupts."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


@contextlib.contextmanager
def held():
    """An interruption waits until the end of the `with`."""
    global _held, _came  # pylint: disable=global-statement
    _held += 1
    try:
        yield
    finally:
        _held -= 1
        if _came and not _held:
            _came = False
            raise KeyboardInterrupt

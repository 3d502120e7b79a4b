# SPDX-License-Identifier: GPL-2.0
"""Fixtures: one progrun a module, with two veth pairs in its namespace."""
import os
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
# pylint: disable=wrong-import-position
import harness  # noqa: E402


@pytest.fixture(scope="module")
def progrun():
    if os.geteuid() != 0:
        pytest.skip("program runs need root (CAP_BPF, CAP_NET_ADMIN, CAP_SYS_ADMIN)")
    run = harness.Progrun()
    run.here = run.add_veth("in0")  # where packets come in
    run.there = run.add_veth("out0")  # another interface
    yield run
    run.close()

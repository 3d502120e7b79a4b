# SPDX-License-Identifier: GPL-2.0
"""Real requests: curl, in the client's namespace, from many source addresses."""

import collections
import dataclasses
import subprocess
import threading

# One block for each request, in a file that curl reads from its standard input.
REQUEST = """url = "http://{host}:{port}{path}"
interface = "{source}"
silent
globoff
max-time = {timeout}
write-out = "\\t%{{local_port}}\\t%{{http_code}}\\t%{{exitcode}}\\t%{{time_total}}\\n"
"""


@dataclasses.dataclass(frozen=True)
class Answer:
    source: str
    source_port: int
    status: int
    body: str
    error: int  # curl's exit code
    seconds: float

    @property
    def good(self):
        return self.error == 0 and self.status == 200


def fetch(client, address, sources, port=80, path="/", timeout=5):
    """One request from each source, one after the other, each on a connection of
    its own; the answers in the same order."""
    host = f"[{address}]" if ":" in address else address
    config = "next\n".join(
        REQUEST.format(host=host, port=port, path=path, source=source, timeout=timeout)
        for source in sources
    )
    done = subprocess.run(
        client.command("curl", "-q", "-K", "-"),
        input=config,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        timeout=timeout * len(sources) + 30,
        check=False,  # curl's code is that of the last request; each line has its own
    )
    lines = done.stdout.splitlines()
    if len(lines) != len(sources):
        raise RuntimeError(f"{len(lines)} answers to {len(sources)} requests: {done.stderr}")
    return [_parse(source, line) for source, line in zip(sources, lines)]


def _parse(source, line):
    body, source_port, status, error, seconds = line.rsplit("\t", 4)
    return Answer(source, int(source_port), int(status), body, int(error), float(seconds))


def homes(client, address, sources, port=80):
    """Which backend answers each source; all of them have to be answered."""
    answers = fetch(client, address, sources, port)
    bad = [answer for answer in answers if not answer.good]
    assert not bad, f"{len(bad)} of {len(answers)} requests failed: {bad[:3]}"
    return {answer.source: answer.body for answer in answers}


def count(homes_):
    """Clients of each backend."""
    return collections.Counter(homes_.values())


class Load:
    """Requests without a pause, from all sources in turn, in a thread, while the
    `with` lasts."""

    def __init__(self, client, address, sources, port=80):
        self.answers = []
        self._error = None
        self._stop = threading.Event()
        self._first = threading.Event()
        self._args = (client, address, sources, port)
        self._thread = threading.Thread(target=self._run)

    def _run(self):
        try:
            while not self._stop.is_set():
                self.answers += fetch(*self._args)
                self._first.set()
        except Exception as error:  # pylint: disable=broad-except
            self._error = error
        finally:
            self._first.set()

    def __enter__(self):
        self._thread.start()
        self._first.wait()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()
        if self._error:
            raise self._error

    @property
    def failed(self):
        return [answer for answer in self.answers if not answer.good]

    @property
    def slowest(self):
        """Seconds; above 1, a packet was lost and sent again."""
        return max(answer.seconds for answer in self.answers)

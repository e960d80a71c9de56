#!/usr/bin/env python3
"""A long answer on a connection that is kept: nothing waits for the client's acknowledgements, which come 40 ms late."""

import contextlib
import sys
import time

from harness import main
from server import DaemonCase

PATH = "/api/v2/builds?limit=%d&include=steps,properties&total=none"


class TestLongAnswers(DaemonCase):
    def times_ms(self, path):
        took = []
        with contextlib.closing(self.daemon.channel()) as channel:
            for _ in range(60):
                begun = time.perf_counter()
                channel.request("GET", path)
                self.assertGreater(len(channel.getresponse().read()), 20000)
                took.append((time.perf_counter() - begun) * 1000)
        return took[30:] # a young connection is acknowledged at once

    def test_the_fastest_of_them_takes_less_than_an_acknowledgement_that_is_put_off(self):
        for limit in (15, 30):
            times = self.times_ms(PATH % limit)
            self.assertLess(min(times), 30, limit)


if __name__ == "__main__":
    sys.exit(main(__name__))

"""Runs on a host: tells which addresses it reaches by TCP.

The first line of standard input is JSON: a list of addresses and ports. Prints those that answered.
"""

import json
import socket
import sys
from concurrent.futures import ThreadPoolExecutor

PATIENCE = 5  # seconds


def reached(place: list[str | int]) -> bool:
    address, port = str(place[0]), int(place[1])
    try:
        with socket.create_connection((address, port), timeout=PATIENCE):
            return True
    except OSError:
        return False


def main() -> None:
    places = json.loads(sys.stdin.buffer.readline())
    with ThreadPoolExecutor(max_workers=20) as pool:
        answers = list(pool.map(reached, places))
    print(json.dumps([place for place, answer in zip(places, answers, strict=True) if answer]))


if __name__ == "__main__":
    main()

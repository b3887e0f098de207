"""What the clients in Python say: a line for each step that is done. The first thing that is not as expected ends the program."""

from contextlib import contextmanager


@contextmanager
def step(name):
    """Says that the step is done, when it is."""
    yield
    print(f"  {name}", flush=True)


def expect(what, found, expected):
    """Ends the program unless that was found."""
    if found != expected:
        raise AssertionError(f"{what}: expected {expected!r}, found {found!r}")


def refused(error, call):
    """What the client raises for the call, which must be that error."""
    try:
        answered = call()
    except error as raised:
        return raised
    raise AssertionError(f"expected {error.__name__}, found the answer {answered!r}")

"""Amounts as people write them: three significant digits, and units by size."""

_TIME_UNITS = (("ns", 1.0), ("us", 1e3), ("ms", 1e6), ("s", 1e9))
_BYTE_UNITS = (("B", 1.0), ("kB", 1e3), ("MB", 1e6), ("GB", 1e9), ("TB", 1e12))


def duration(ns: float) -> str:
    """Write a time given in nanoseconds, such as ``63.4 ms``; whole nanoseconds stay whole."""
    return _scaled(ns, _TIME_UNITS)


def size(count: float) -> str:
    """Write a number of bytes with decimal units, such as ``18.3 GB``."""
    return _scaled(count, _BYTE_UNITS)


def count(number: int) -> str:
    """Write a count with thousands separators."""
    return f"{number:,}"


def number_of(number: int, thing: str, plural: str = "s") -> str:
    """Write how many there are of ``thing``: ``1 run``, ``12 runs``; ``plural`` is what several add."""
    return f"{count(number)} {thing}{'' if number == 1 else plural}"


def significant(value: float) -> str:
    """Write a plain number with three significant digits and no exponent: 0.0123, 1.23, 123, 12,345."""
    for limit, digits in ((99.95, 0), (9.995, 1), (0.9995, 2), (0.09995, 3), (0.009995, 4)):
        if abs(value) >= limit:
            return f"{value:,.{digits}f}"
    return f"{value:.5f}" if value else "0"


def _scaled(value: float, units: tuple[tuple[str, float], ...]) -> str:
    base = units[0][0]
    if value == int(value) and abs(value) < 1000:
        return f"{int(value)} {base}"
    # the first unit in which three significant digits stay below 1000, so that 999.9 us is 1.00 ms
    for unit, factor in units:
        if abs(value) / factor < 999.5:
            return f"{significant(value / factor)} {unit}"
    unit, factor = units[-1]
    return f"{significant(value / factor)} {unit}"

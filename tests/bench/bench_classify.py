"""Print how many unique kernel names are classified in a second."""

import time

from nsysprof.classify import classify_names
from nsysprof.classify.rules import builtin_rules

COUNT = 100_000


def unique_names(count: int) -> list[str]:
    """Return the rules' examples with different last parameters, none twice."""
    examples = [rule.example for rule in builtin_rules()]
    names = []
    for number in range(count):
        example = examples[number % len(examples)]
        names.append(f"{example[:-1]}, {number})" if example.endswith(")") else f"{example}_{number}")
    return names


def main() -> None:
    """Measure and print."""
    names = unique_names(COUNT)
    start, cpu = time.perf_counter(), time.process_time()
    classify_names(names)
    elapsed, busy = time.perf_counter() - start, time.process_time() - cpu
    print(f"{COUNT} unique names in {elapsed:.2f} s ({busy:.2f} s of one core), {COUNT / busy:,.0f} a second")


if __name__ == "__main__":
    main()

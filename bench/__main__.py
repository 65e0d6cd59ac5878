"""Measure, interleaved in one run: stock VADER, the journey, stock VADER, the journey, ...

Prints medians and ratios; exits 1 when a bar is missed. On shared machines only the ratios mean anything.
`python -m bench names` measures resolve against a million accounts instead (bench/names.py),
`python -m bench notify` news to receivers (bench/notify.py), `python -m bench decide` 1, 20 and 200 rules
(bench/decide.py), `python -m bench parse` recorded pages into posts (bench/parse.py), `python -m bench console` every page
of the console over ten million posts (bench/console.py).
"""

from __future__ import annotations

import argparse
import json
import sys
from statistics import median

from rich.console import Console
from rich.table import Table

from bench import console as pages_of_console
from bench import decide, names, notify, parse, stages, stock
from bench.journey import PARTS, Run, corpus, run

BAR_RATIO = 5.0
AIM_RATIO = 3.0
BAR_RATE = 2500.0


def main() -> None:
    if sys.argv[1:2] == ["names"]:
        names.main(sys.argv[2:])
    if sys.argv[1:2] == ["decide"]:
        decide.main(sys.argv[2:])
    if sys.argv[1:2] == ["notify"]:
        notify.main(sys.argv[2:])
    if sys.argv[1:2] == ["parse"]:
        parse.main(sys.argv[2:])
    if sys.argv[1:2] == ["console"]:
        pages_of_console.main(sys.argv[2:])
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--posts", type=int, default=20_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="the figures as JSON")
    parser.add_argument("--no-feeds", action="store_true", help="leave the feeds out")
    options = parser.parse_args()
    console = Console(stderr=True)
    vader: list[float] = []
    runs: list[Run] = []
    feeds = None
    with corpus(options.posts, options.seed) as world:
        for number in range(options.runs):
            vader.append(stock.measure(world["control"]))
            runs.append(run(world))
            console.print(
                f"run {number + 1} of {options.runs}: stock VADER {vader[-1]:.1f} µs a post, the journey "
                f"{runs[-1].cpu_per_post:.0f} µs, {runs[-1].posts_per_second:.0f} posts/s"
            )
        vader.append(stock.measure(world["control"]))
        by_stage = stages.measure(world["control"])
        if not options.no_feeds:
            feeds = run(world, feeds=True)
    # each run against the mean of the stock runs before and after it: the machine's speed drifts
    ratios = [one.cpu_per_post / ((vader[n] + vader[n + 1]) / 2) for n, one in enumerate(runs)]
    ratio, rate = median(ratios), median(one.posts_per_second for one in runs)
    if options.json:
        print(
            json.dumps(
                {
                    "stock_vader_us": vader,
                    "journey_us": [one.cpu_per_post for one in runs],
                    "ratios": ratios,
                    "posts_per_second": [one.posts_per_second for one in runs],
                    "parts_us": {part: median(_part(one, part) for one in runs) for part in PARTS},
                    "stages_us": by_stage,
                    "feeds_us": feeds.cpu_per_post if feeds else None,
                }
            )
        )
    else:
        _print(vader, runs, ratios, feeds)
        _print_stages(by_stage, median(vader))
    met = ratio <= BAR_RATIO and rate >= BAR_RATE
    raise SystemExit(0 if met else 1)


def _part(one: Run, part: str) -> float:
    return one.cpu.get(part, 0.0) / one.posts * 1e6


def _print(vader: list[float], runs: list[Run], ratios: list[float], feeds: Run | None) -> None:
    yardstick = median(vader)
    table = Table(title=f"A post's journey, CPU, medians of {len(runs)} runs over {runs[0].posts} posts")
    table.add_column("process")
    table.add_column("µs a post", justify="right")
    table.add_column("x stock VADER", justify="right")
    for part in PARTS:
        cost = median(_part(one, part) for one in runs)
        table.add_row(part, f"{cost:.1f}", f"{cost / yardstick:.2f}")
    whole = median(one.cpu_per_post for one in runs)
    table.add_row("all", f"{whole:.1f}", f"{median(ratios):.2f}")
    table.add_row("stock VADER alone", f"{yardstick:.1f}", "1.00")
    if feeds:
        table.add_row(
            "feeds (beside it)", f"{feeds.cpu_per_post:.1f}", f"{feeds.cpu_per_post / yardstick:.2f}"
        )
    console = Console()
    console.print(table)
    rate = median(one.posts_per_second for one in runs)
    console.print(
        f"CPU: {median(ratios):.2f} x stock VADER (bar {BAR_RATIO}, aim {AIM_RATIO}; runs "
        f"{', '.join(f'{r:.2f}' for r in ratios)})"
    )
    console.print(f"Wall: {rate:.0f} posts/s (bar {BAR_RATE:.0f})")


def _print_stages(by_stage: dict[str, float], yardstick: float) -> None:
    table = Table(title="Inside our processes, one process after the other, sampled over CPU time")
    table.add_column("stage")
    table.add_column("µs a post", justify="right")
    table.add_column("x stock VADER", justify="right")
    for stage, cost in by_stage.items():
        table.add_row(stage, f"{cost:.1f}", f"{cost / yardstick:.2f}")
    table.add_row("all", f"{sum(by_stage.values()):.1f}", f"{sum(by_stage.values()) / yardstick:.2f}")
    Console().print(table)


if __name__ == "__main__":
    main()

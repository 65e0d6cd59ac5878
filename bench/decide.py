"""Decide with 1, 20 and 200 rules: what a post costs, and whether that grows with the rules.

`python -m bench decide`. In memory alone: decide is pure. Rules are as an organisation has them: one in five is for
everything (most of these ask for phrases, a few for stars), the others for a campaign, an account, a source, a
platform, a kind or a language. Of 200 such rules a post crosses five times as many as of 20, and what is crossed is
decided; so a last row has the 20 and 180 more for campaigns that no post is of, which tells what a rule costs that a
post does not cross. Exits 1 when a bar is missed.
"""

from __future__ import annotations

import argparse
import gc
import random
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any
from uuid import UUID

from rich.console import Console
from rich.table import Table

from simulator.words import corpus
from workers.decide import Standing, decide
from workers.heard import Heard
from workers.rule import Rule, Rules
from workers.score import Scorer

BATCH = 100
SIZES = (1, 20, 200)
BAR_RATIO, AIM_RATIO = 5.0, 1.5
"""Of 200 rules to one. Flat it is in what is compared; but phrases are asked for, and five times as much is crossed and
decided."""
BAR_ELSEWHERE = 1.15
"""Of the 20 rules and 180 for other campaigns to the 20 alone: flat, but for the noise of a shared machine."""
BAR_COMPARED = 5.0
"""Rules of the 200 that a post is compared with."""

NOW = datetime(2026, 11, 23, tzinfo=UTC)
PLATFORMS = (
    "appstore",
    "bluesky",
    "facebook",
    "googleplay",
    "instagram",
    "mastodon",
    "reddit",
    "threads",
    "x",
    "youtube",
)
KINDS = ("account", "hashtag", "mentions", "reviews", "search", "subreddit", "thread")
LANGUAGES = ("de", "en", "es", "fr", "it", "nl", "pt", "und")
PHRASES = (
    "refund",
    "money back",
    "never again",
    "cancel my order",
    "broken",
    "late again",
    "no answer",
    "on hold",
    "rude",
    "scam",
    "chargeback",
    "lawyer",
    "unsafe",
    "burnt",
    "allergic",
    "recall",
    "mould",
    "out of stock",
    "double charged",
    "wrong size",
    "password",
    "locked out",
    "crash",
    "does not open",
    "update",
    "delivery",
    "courier",
    "missing parcel",
    "warranty",
    "return label",
)


def posts(count: int, seed: int = 1) -> list[Heard]:
    """Posts as a digest asks about them: a third addressed to us, the others about us or ours. Scores are VADER's."""
    luck, texts = random.Random(seed), corpus(seed, count)
    scores = [getattr(score, "compound", None) for score in Scorer().score([(text, None) for text in texts])]
    made = []
    for n, (text, sentiment) in enumerate(zip(texts, scores, strict=True)):
        platform, source = luck.choice(PLATFORMS), UUID(int=luck.randrange(60))
        account = UUID(int=1_000 + luck.randrange(80)) if luck.random() < 0.5 else None
        campaign = UUID(int=2_000 + luck.randrange(40)) if luck.random() < 0.3 else None
        addressed = luck.random() < 0.33
        made.append(
            Heard(
                ref=(platform, str(n)),
                subject=f"identity:{UUID(int=luck.randrange(count))}",
                text=text,
                sentiment=sentiment,
                occurred_at=NOW - timedelta(seconds=n % 3600),
                addressed=addressed,
                about_us=addressed or not (account or campaign),
                named=bool(account or campaign),
                customer=luck.random() < 0.1,
                ours=False,
                bot=False,
                stranger=True,
                start_mark=NOW - timedelta(days=1),
                reply_to=None,
                parent_case=None,
                attached=False,
                rating=float(luck.randint(1, 5)) if platform in ("appstore", "googleplay") else None,
                lang="en" if luck.random() < 0.8 else luck.choice(LANGUAGES),
                kinds=frozenset({luck.choice(KINDS)}),
                sources=frozenset({source}),
                about=frozenset(filter(None, (account, campaign))),
                account=account,
                campaign=campaign,
            )
        )
    return made


def rules(count: int, seed: int = 1) -> list[Rule]:
    """So many rules; the first is for everything, so that with it alone nearly as many posts cross as with all."""
    luck = random.Random(seed)
    made = [Rule(UUID(int=9_000), "Bad talk about us or ours", "named", -0.35, "ticket", "high")]
    for n in range(1, count):
        given: dict[str, Any] = {
            "audience": luck.choice(("addressed", "named", "named", "customer")),
            "threshold": luck.choice((-0.6, -0.5, -0.42, -0.35)),
            "action": luck.choice(("ticket", "ticket", "activity", "notify")),
        }
        share = n % 20
        if share < 3:
            given["words"] = tuple(luck.sample(PHRASES, luck.randint(1, 6)))
            given["threshold"] = luck.choice((-0.2, 0.0))
        elif share < 4:
            given |= {"rating": luck.randint(1, 3), "threshold": 1.0}
        elif share < 9:
            given["campaigns"] = frozenset({UUID(int=2_000 + luck.randrange(40))})
        elif share < 13:
            given["accounts"] = frozenset({UUID(int=1_000 + luck.randrange(80))})
        elif share < 16:
            given["sources"] = frozenset({UUID(int=luck.randrange(60))})
        elif share < 18:
            given["platforms"] = frozenset({luck.choice(PLATFORMS)})
        elif share < 19:
            given["kinds"] = frozenset({luck.choice(KINDS)})
        else:
            given["languages"] = frozenset({luck.choice(LANGUAGES)})
        made.append(Rule(id=UUID(int=9_000 + n), name=f"rule {n}", priority="normal", **given))
    return made


def elsewhere(count: int, seed: int = 1) -> list[Rule]:
    """So many rules for campaigns that no post is of."""
    luck = random.Random(seed)
    return [
        Rule(
            UUID(int=10_000 + n),
            f"elsewhere {n}",
            luck.choice(("addressed", "named", "customer")),
            luck.choice((-0.6, -0.5, -0.42, -0.35)),
            "ticket",
            "normal",
            campaigns=frozenset({UUID(int=3_000 + n)}),
        )
        for n in range(count)
    ]


def cost(batches: Sequence[Sequence[Heard]], held: Rules) -> float:
    """CPU seconds of deciding all of these once."""
    standing = Standing(now=NOW)
    began = time.process_time()
    for batch in batches:
        decide(batch, held, standing)
    return time.process_time() - began


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m bench decide", description=__doc__)
    parser.add_argument("--posts", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    made = posts(options.posts, options.seed)
    batches = [made[at : at + BATCH] for at in range(0, len(made), BATCH)]
    few, many = SIZES[1:]
    sets = {f"{count}": Rules(rules(count, options.seed)) for count in SIZES}
    apart = f"{few} and {many - few} elsewhere"
    sets[apart] = Rules(rules(few, options.seed) + elsewhere(many - few, options.seed))
    spent: dict[str, list[float]] = {name: [] for name in sets}
    gc.disable()
    for _ in range(options.rounds):
        for name, held in sets.items():  # interleaved: the machine's speed drifts
            spent[name].append(cost(batches, held))
    table = Table(title=f"decide over {len(made):,} posts, CPU, {options.rounds} rounds")
    for heading in ("rules", "µs a post, best", "median", "compared a post", "crossed a post", "x one rule"):
        table.add_column(heading, justify="right")
    best = {name: min(times) for name, times in spent.items()}
    compared = {
        name: sum(len(held.compared_with(post)) for post in made) / len(made) for name, held in sets.items()
    }
    for name, held in sets.items():
        crossed = sum(len(held.crossed_by(post)) for post in made)
        table.add_row(
            name,
            f"{best[name] / len(made) * 1e6:.2f}",
            f"{median(spent[name]) / len(made) * 1e6:.2f}",
            f"{compared[name]:.2f}",
            f"{crossed / len(made):.2f}",
            f"{best[name] / best['1']:.2f}",
        )
    Console().print(table)
    ratio, flat = best[f"{many}"] / best["1"], best[apart] / best[f"{few}"]
    print(
        f"{many} rules cost {ratio:.2f} times what one does (bar {BAR_RATIO:g}, aim {AIM_RATIO:g}); a post is compared"
        f" with {compared[f'{many}']:.1f} of them (bar {BAR_COMPARED:g}). {many - few} rules that no post can cross,"
        f" beside {few}: {flat:.2f} times the {few} (bar {BAR_ELSEWHERE:g})."
    )
    met = ratio <= BAR_RATIO and compared[f"{many}"] <= BAR_COMPARED and flat <= BAR_ELSEWHERE
    raise SystemExit(0 if met else 1)


if __name__ == "__main__":
    main()

"""English posts by the thousand for the bench: short, everyday, some cross, some kind, all different."""

from __future__ import annotations

import html
import random

from simulator.people import digest

WHO = (
    "my sister", "the new neighbour", "our whole team", "the bus driver", "my old teacher", "the kid next door",
    "a man in a raincoat", "the lady at the counter", "my flatmate", "the plumber", "somebody at work", "our landlord",
    "the guy from the gym", "my cousin", "the postman", "half of the village", "the trainee", "my dentist",
)  # fmt: skip
DID = (
    "fixed the printer", "lost the keys again", "burnt the toast", "won the pub quiz", "cancelled the meeting",
    "forgot the charger", "missed the last train", "painted the kitchen", "broke the good mug", "found my umbrella",
    "ordered the wrong size", "repaired the old bike", "spilled the soup", "baked a great cake", "ignored my email",
    "lied about the bill", "saved the evening", "ruined the surprise", "moved the sofa", "answered on the first ring",
    "left the door open", "planted tomatoes", "sold the piano", "watched the game twice", "crashed the old laptop",
)  # fmt: skip
WHEN = (
    "this morning", "on the way home", "right before lunch", "for the third time", "in the rain", "at the station",
    "during the call", "last night", "without a word", "while I was on hold", "before anyone noticed", "as usual",
    "on a Sunday", "in front of everybody", "just after nine",
)  # fmt: skip
AND = (
    "and honestly I don't mind", "and I am so tired of it", "and it made my day", "and nobody told me",
    "and now the app won't even load", "and we all laughed", "and the refund still hasn't arrived", "so dinner is late",
    "and I love it", "which is just typical", "and that is the worst part", "but it turned out fine",
    "and I can't recommend it enough", "so I'm walking from now on", "and the line was awful", "and it works perfectly",
    "so we need a new one", "and I really hate waiting", "but thanks to them it went well", "and the view was lovely",
    "and the support desk never picks up", "and that's all I know", "so the plan changed", "and it cost me a fortune",
)  # fmt: skip
EMOJI = ("😂", "🙄", "😍", "😡", "☕", "🎉", "👍", "😭", "🤦", "🔥", "❤️", "👎")
ENDS = (".", ".", ".", "!", "...", "")


def corpus(seed: int, count: int) -> list[str]:
    """So many different texts; 12 % carry an emoji. Raises ValueError when there are not that many."""
    dice = random.Random(digest(seed, "corpus"))
    most = len(WHO) * len(DID) * len(WHEN) * len(AND)
    if count > most:
        raise ValueError(f"there are only {most} different texts")
    texts: list[str] = []
    for number in dice.sample(range(most), count):
        number, who = divmod(number, len(WHO))
        number, did = divmod(number, len(DID))
        at, when = divmod(number, len(WHEN))
        text = f"{WHO[who].capitalize()} {DID[did]} {WHEN[when]} {AND[at]}{dice.choice(ENDS)}"
        if dice.random() < 0.3:
            text = f"So today {text[0].lower()}{text[1:]}"
        if dice.random() < 0.25:
            text += dice.choice(
                (" You couldn't make it up.", " More on that tomorrow.", " Anyway, back to work.")
            )
        if dice.random() < 0.12:
            text += f" {dice.choice(EMOJI)}"
        texts.append(text)
    return texts


def escaped(text: str) -> str:
    """As HTML text."""
    return html.escape(text, quote=False)

"""The yardstick: stock VADER alone on the texts of the corpus, in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from urllib.request import urlopen


def measure(control: str) -> float:
    """Microseconds of CPU per post, over the posts of both platforms (not the feeds)."""
    answer = subprocess.run(
        [sys.executable, "-m", "bench.stock", control], check=True, capture_output=True, text=True
    )
    return float(answer.stdout)


def main(control: str) -> None:
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    with urlopen(f"{control}/texts", timeout=60) as answer:  # noqa: S310 - our own simulator on loopback
        lines = [json.loads(line) for line in answer]
    texts = [line["text"] for line in lines if line["platform"] != "feeds"]
    analyzer = SentimentIntensityAnalyzer()
    analyzer.polarity_scores("warm")
    before = time.process_time()
    for words in texts:
        analyzer.polarity_scores(words)
    print((time.process_time() - before) / len(texts) * 1e6)


if __name__ == "__main__":
    main(sys.argv[1])

"""A small seeded world to practise on, told over real HTTP in the platforms' own wire formats.

    script     what will be said, by whom, in which act: read from `world/*.toml`, where every expectation is
               written by hand
    stage      what has been said so far: acts released, edits and deletions made
    mastodon | bluesky | feeds    how each platform tells it
    limits, faults                what goes wrong on the way
    truth      what was returned, and what should have come of it
    control    the other side of the curtain: `/_control/...`

It imports nothing of ours, and it never works out what we should have concluded: it only says what a
person wrote down beforehand.
"""

"""How good the scores are: texts that people have judged, held against what Earshot says of them.

    reading    a file of judged texts -> rows that know their line
    scoring    rows -> numbers, by the organisation's lexicon, the shipped one or none
    sentiment  numbers + judgements -> correlation, F1, and what a threshold would catch
    language   what was scored although it is not English, and the reverse
    figures    the arithmetic: intervals, F1, curves
    picture    the curves as a picture
    parts      everything that `earshot evaluate all` runs, each with its bars

Nothing here writes to a database, and only --lexicon org reads one.
"""

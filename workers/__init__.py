"""What happens to a post, in the order in which it happens.

    poll    claim | fetch | land          (async: this is where the waiting is)
    digest  claim | sift | score | resolve (clues | look up) | record | escalate | leads | settle | gather
    sweep   names | follow | join | prune (housekeeping, once a minute)

A page lands together with its cursor in one transaction; from then on, what is still to do is a
question to PostgreSQL. A message of the broker is a bell: it carries ids and a term, never posts, and
losing one costs seconds.
"""

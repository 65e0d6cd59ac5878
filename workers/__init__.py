"""What happens to a post, in the order in which it happens.

    poll    claim | fetch | land          (async: this is where the waiting is)
    digest  claim | sift | resolve | score | record | escalate | settle | gather

A page lands together with its cursor in one transaction; from then on, what is still to do is a
question to PostgreSQL. A message of the broker is a bell: it carries ids and a term, never posts, and
losing one costs seconds.
"""

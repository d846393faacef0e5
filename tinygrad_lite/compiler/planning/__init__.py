"""A tape as a few loops, the form all fast back ends share.

    plan.py      groups of like results
    reroll.py    the loops of a tape found again
    affine.py    what they read, as places that go on evenly

In: a tape. Out: a plan. Begin with `plan.py`.
"""

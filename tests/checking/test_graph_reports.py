"""What a comparison says of a graph is so: each sentence is read, and the change it names made by an oracle."""

import pytest

from tests.checking.graph_reading import Graph, Reader, gradients, random_graph, random_wrong
from tinygrad_lite.checking.compare import compare


def compared(seed):
    """The reader and the comparison of one random mistake; None where it changes no number."""
    loss, leaves = random_graph(seed)
    g = Graph(loss)
    hand = gradients(g, leaves, random_wrong(g, seed))
    named = {leaf.label: leaf for leaf in leaves}
    result = compare(dict(zip(named, hand, strict=True)), named, loss=loss)
    return Reader(loss, leaves, hand), result


@pytest.mark.parametrize("seed", range(200))
def test_every_change_that_is_named_gives_just_these_numbers(seed):
    reader, result = compared(seed)

    for story in result.mistakes:
        assert reader.true([mistake.message for mistake in story]), story
    for verdict in result.verdicts:
        exact = gradients(reader.g, [leaf for leaf in reader.leaves if leaf.label == verdict.name], {})[0]
        assert verdict.ok == (abs(verdict.hand.numbers[0] - exact) <= 1e-9 * max(abs(exact), verdict.scale))


@pytest.mark.long
def test_the_reader_sees_a_false_sentence():
    told, false = 0, 0
    for seed in range(40):
        reader, result = compared(seed)
        for story in result.mistakes[:1]:
            told += 1
            other = "the local derivative of n0 w.r.t. u is left out"
            false += not reader.true([m.message for m in story] + [other]) or not reader.true([other])
    assert told > 10
    assert false > 0.8 * told

"""Our own layout: nothing overlaps, no arrow runs over a box, and it is quick and the same each time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_lite as tg
from tests.views.random_graphs import random_graph
from tests.views.test_collapse import training_loss
from tinygrad_lite import Value
from tinygrad_lite.views.drawing import cards
from tinygrad_lite.views.layout import layered
from tinygrad_lite.views.layout.coordinates import nearest
from tinygrad_lite.views.layout.crossings import crossings


def overlaps(picture):
    """Pairs of boxes or ellipses that overlap, texts that cover a box, and arrows that run over one."""
    sketch, place = cards.sketch(picture), picture.placement
    frames = {
        key: (x - w / 2, y - h / 2, x + w / 2, y + h / 2)
        for key, (x, y) in place.centre.items()
        for w, h in [sketch.sizes[key]]
    }
    keys = sorted(frames, key=lambda key: frames[key][0])
    found = []
    for i, one in enumerate(keys):
        for other in keys[i + 1 :]:
            if frames[other][0] >= frames[one][2]:
                break
            if frames[one][1] < frames[other][3] and frames[other][1] < frames[one][3]:
                found.append((one, other))
    for arrow in sketch.arrows:
        if arrow.text[0]:
            x, y = place.spot[arrow.key]
            w, h = arrow.text
            for key, (left, top, right, bottom) in frames.items():
                if x - w / 2 < right and left < x + w / 2 and y - h / 2 < bottom and top < y + h / 2:
                    found.append((arrow.key, key))
        for x, y in _along(place.curve[arrow.key]):
            for key, (left, top, right, bottom) in frames.items():
                if key not in (arrow.tail, arrow.head) and left + 1 < x < right - 1 and top + 1 < y < bottom - 1:
                    found.append((arrow.key, key))
    return sorted(set(found))


def _along(points):
    """Places along a Bezier curve of 3n+1 points."""
    for i in range(0, len(points) - 1, 3):
        a, b, c, d = points[i : i + 4]
        for k in range(9):
            t = k / 8
            s = 1 - t
            yield tuple(s**3 * a[j] + 3 * s * s * t * b[j] + 3 * s * t * t * c[j] + t**3 * d[j] for j in (0, 1))


@pytest.mark.parametrize("direction", ["LR", "TB"])
@pytest.mark.parametrize("seed", range(60))
def test_nothing_overlaps_in_random_graphs(seed, direction):
    picture = tg.draw(random_graph(seed), direction=direction, show=("data", "grad", "local"))

    assert overlaps(picture) == []


@pytest.mark.parametrize("direction", ["LR", "TB"])
@pytest.mark.parametrize("depth", [0, 1, 2])
def test_nothing_overlaps_in_folded_networks(depth, direction):
    picture = tg.draw(training_loss(4, (2, 8, 8, 1)), depth=depth, direction=direction)

    assert overlaps(picture) == []


def test_the_check_for_overlaps_can_fail():
    picture = tg.draw(random_graph(1))
    place = picture.placement
    one, other = list(place.centre)[:2]
    place.centre[one] = place.centre[other]

    assert (one, other) in overlaps(picture) or (other, one) in overlaps(picture)


def test_arrows_end_at_the_boxes_they_belong_to():
    picture = tg.draw(random_graph(3))
    sketch, place = cards.sketch(picture), picture.placement

    for arrow in sketch.arrows:
        for key, (x, y) in ((arrow.tail, place.curve[arrow.key][0]), (arrow.head, place.curve[arrow.key][-1])):
            w, h = sketch.sizes[key]
            assert abs(x - place.centre[key][0]) <= w / 2 + 0.01
            assert abs(y - place.centre[key][1]) <= h / 2 + 0.01


def test_arrows_point_onward():
    for direction, axis in (("LR", 0), ("TB", 1)):
        picture = tg.draw(random_graph(5), direction=direction)
        place = picture.placement

        for arrow in cards.sketch(picture).arrows:
            assert place.centre[arrow.tail][axis] < place.centre[arrow.head][axis]


@given(
    st.lists(st.tuples(st.floats(-100, 100), st.floats(0.1, 10), st.floats(0, 20)), min_size=1, max_size=12),
    st.integers(0, 11),
    st.floats(-1, 1),
)
def test_the_nearest_places_keep_the_gaps_and_cannot_be_improved(items, which, step):
    wishes, gaps = [(wish, weight) for wish, weight, _ in items], [gap for *_, gap in items[1:]]
    places = nearest(wishes, gaps)

    def cost(at):
        return sum(w * (x - wish) ** 2 for x, (wish, w) in zip(at, wishes, strict=True))

    def kept(at):
        return all(b - a >= gap - 1e-9 for a, b, gap in zip(at, at[1:], gaps, strict=False))

    assert kept(places)
    moved = list(places)
    moved[which % len(moved)] += step
    assert not kept(moved) or cost(moved) >= cost(places) - 1e-6


def test_a_graph_that_can_be_drawn_without_crossings_is():
    leaves = [Value(float(i)) for i in range(8)]
    while len(leaves) > 1:
        leaves = [a + b for a, b in zip(leaves[::2], leaves[1::2], strict=True)]
    sketch = cards.sketch(tg.draw(leaves[0]))
    units, home = layered._units(sketch, sketch.sizes)
    layers = layered.ordered(layered._by_layer(units, layered._layers(sketch, units, home)))

    assert crossings(layers) == 0


def test_a_long_arrow_is_straight_between_its_bends():
    x = Value(1.0, label="x")
    y = x
    for _ in range(6):
        y = y.tanh()
    picture = tg.draw(y + x)
    points = picture.placement.curve["e7.1"]
    heights = {round(y, 6) for _, y in points[3:-3]}

    assert len(heights) == 1


def loop(steps):
    w, x = Value(0.95, label="w"), Value(0.3, label="x")
    y = x
    for _ in range(steps):
        y = tg.sin(w * y) + 0.1 * x
    return y


def test_a_loop_of_forty_steps_is_a_band_and_not_a_wall():
    picture = tg.draw(loop(40))

    assert picture.placement.height < 300
    assert overlaps(picture) == []


def test_what_is_computed_from_leaves_stands_beside_its_use():
    picture = tg.draw(loop(10))
    place = picture.placement.centre
    product = max(box.number for box in picture.boxes if box.symbol == "*")  # the 0.1 * x of the last step

    assert place["v" + str(max(box.number for box in picture.boxes))][0] - place[f"v{product}"][0] < 300


def test_hundreds_of_values_are_placed():
    root = tg.sum([random_graph(seed) for seed in range(12)])
    picture = tg.draw(root, limit=400)

    assert len(picture.boxes) > 250

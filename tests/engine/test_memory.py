"""Nothing is leaked, nodes are small, threads do not meet."""

import gc
import threading
import tracemalloc
import weakref

import pytest

import tinygrad_lite as tg
from tinygrad_lite import Value


@pytest.fixture
def collector_off():
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def one_step(w, b):
    loss = (tg.dot(w, [1.0, -2.0, 0.5], b).tanh() - 0.3) ** 2 + 1e-3 * tg.sum([p * p for p in w])
    for p in (*w, b):
        p.grad = 0.0
    loss.backward()
    for p in (*w, b):
        p.data -= 0.05 * p.grad
    return loss.data


def growth(steps):
    w, b = [Value(0.1 * i) for i in range(3)], Value(0.0)
    for _ in range(200):
        one_step(w, b)
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for _ in range(steps):
        one_step(w, b)
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    return grown


@pytest.mark.long
def test_ten_thousand_training_steps_leave_memory_flat():
    assert growth(10_000) < 256 * 1024


@pytest.mark.long
@pytest.mark.usefixtures("collector_off")
def test_they_do_so_also_with_the_collector_off():
    assert growth(10_000) < 256 * 1024
    assert gc.collect() == 0  # there was nothing for it to do


@pytest.mark.long
@pytest.mark.usefixtures("collector_off")
def test_second_derivatives_leave_nothing_behind_when_the_leaves_let_go():
    x = Value(2.0)

    for _ in range(200):
        (x**3).exp().log().backward(create_graph=True)
        x.grad = 0.0

    assert gc.collect() == 0


@pytest.mark.long
@pytest.mark.usefixtures("collector_off")
def test_a_gradient_with_a_history_that_is_left_in_its_leaf_is_a_cycle():
    """The one exception, said in the docstring of `backward`: it waits for the collector, which gets it."""

    class Name(str):
        pass

    x = Value(2.0, label=Name("x"))
    held = weakref.ref(x.label)
    (x**3).backward(create_graph=True)
    (x * x).backward(create_graph=True)
    kept = x.grad
    del x
    gc.collect()
    assert held() is not None  # its gradient is still in use, and remembers x

    del kept
    assert held() is not None  # nobody can reach it, and nobody has looked
    gc.collect()
    assert held() is None


def test_a_node_takes_at_most_140_bytes():
    """The chain of the benchmark's W6, a product and a sum a step, with everything the nodes hold."""
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    y = Value(0.5)
    for _ in range(10_000):
        y = 1e-6 + 0.999999 * y
    size = (tracemalloc.get_traced_memory()[0] - before) / 20_000
    tracemalloc.stop()

    assert y.data > 0
    assert size <= 140


def test_graphs_in_separate_threads_give_identical_results():
    def train():
        w, b = [Value(0.1 * i) for i in range(3)], Value(0.0)
        return [one_step(w, b) for _ in range(150)]

    results = []
    threads = [threading.Thread(target=lambda: results.append(train())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert results == [train()] * 4

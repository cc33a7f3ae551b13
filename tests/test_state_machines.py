"""All small state machines: counted and compared with brute force, and their forecasts with counts by hand."""

import itertools

import gruemarket as gm
import numpy as np
import pytest
from gruemarket.state_machines import count, wirings


def all_wirings(states, outcomes):
    """Every table whose states can all be reached, with its states numbered as they are met."""
    found = set()
    for flat in itertools.product(range(states), repeat=states * outcomes):
        table = np.array(flat).reshape(states, outcomes)
        order = [0]
        for state in order:
            order += [to for to in dict.fromkeys(table[state].tolist()) if to not in order]
        if len(order) == states:
            place = np.argsort(order)
            found.add(tuple(place[table[order]].ravel().tolist()))
    return found


@pytest.mark.parametrize(("states", "outcomes"), ((1, 2), (2, 2), (3, 2), (2, 3), (1, 4), (2, 4)))
def test_every_wiring_comes_once(states, outcomes):
    found = [tuple(table.ravel().tolist()) for table in wirings(states, outcomes)]
    assert len(found) == len(set(found)) == count(states, outcomes)
    assert set(found) == all_wirings(states, outcomes)


def by_hand(tables, symbols, estimator=0.5):
    """(T, N) what each machine gives to each symbol."""
    rows = []
    for table in tables:
        counts, state, row = np.zeros(table.shape), 0, []
        for symbol in symbols:
            row.append((counts[state, symbol] + estimator) / (counts[state].sum() + estimator * table.shape[1]))
            counts[state, symbol] += 1
            state = table[state, symbol]
        rows.append(row)
    return np.array(rows).T


@pytest.mark.parametrize(("states", "outcomes", "estimator"), ((3, 2, 0.5), (2, 3, 0.1)))
def test_each_machine_learns_by_its_counts(states, outcomes, estimator):
    machines = gm.StateMachines(states, outcomes=outcomes, estimator=estimator)
    symbols = np.random.default_rng(1).integers(outcomes, size=40)
    tables = [table for n in range(1, states + 1) for table in wirings(n, outcomes)]
    np.testing.assert_allclose(machines.observe_all(symbols), by_hand(tables, symbols, estimator), rtol=1e-13)
    assert machines.names[-1] == " ".join("".join(map(str, row)) for row in tables[-1].tolist())


def test_the_prior_is_whole_and_even_within_a_size():
    for states, outcomes in ((1, 2), (2, 2), (4, 2), (3, 3)):
        machines = gm.StateMachines(states, outcomes=outcomes)
        assert (2.0**-machines.bits).sum() == pytest.approx(1, abs=1e-12)
    machines = gm.StateMachines(3)
    shares = [2.0 ** -machines.bits[[len(name.split()) == n for name in machines.names]] for n in (1, 2, 3)]
    assert [round(float(share.sum()), 12) for share in shares] == [0.5, 0.25, 0.25]
    assert all(len(set(share.tolist())) == 1 for share in shares)


@pytest.mark.parametrize("forget", (False, True))
def test_state_machines_keep_the_contract(forget):
    gm.check_family(gm.StateMachines(3, forget=forget))
    gm.check_family(gm.StateMachines(2, outcomes=3, forget=forget))


def test_forgetting_is_a_new_beginning():
    symbols = [0, 1, 1, 0, 1, 1]
    fresh, kept = gm.StateMachines(2, forget=True), gm.StateMachines(2)
    first = fresh.observe_all(symbols)
    kept.observe_all(symbols)
    fresh.begin_episode()
    kept.begin_episode()
    assert fresh.observe_all(symbols).tobytes() == first.tobytes()
    assert kept.observe_all(symbols).prod(axis=0).max() > first.prod(axis=0).max()


def test_the_market_finds_the_machine():
    even = gm.processes.even()
    inductor = gm.Inductor({"machines": gm.StateMachines(3)})
    inductor.read([even.sample(2000, 1)])
    # 0 stays, 1 goes to the other state, from which 1 returns; where 0 leads from there, nothing tells
    right = [inductor.names.index(f"machines[{name}]") for name in ("01 00", "01 10")]
    assert inductor.market.wealth.argmax() in right
    assert inductor.market.wealth[right].sum() > 0.5


def test_saved_state_machines_are_whole(tmp_path):
    machines = gm.StateMachines(2, outcomes=3, estimator=0.25)
    machines.observe_all([0, 1, 2, 2])
    machines.save(tmp_path / "machines")
    again = gm.StateMachines.load(tmp_path / "machines")
    assert (repr(again), again.config()) == (repr(machines), machines.config())
    whole = (tmp_path / "machines").read_bytes()
    gm.Processes([gm.processes.even()]).save(tmp_path / "other")
    np.savez(tmp_path / "newer.npz", format="gruemarket state machines 9")
    for bad in (
        whole[:100],
        whole[:-30],
        b"",
        (tmp_path / "other").read_bytes(),
        (tmp_path / "newer.npz").read_bytes(),
    ):
        (tmp_path / "bad").write_bytes(bad)
        with pytest.raises(gm.CheckpointError):
            gm.StateMachines.load(tmp_path / "bad")


@pytest.mark.parametrize(
    ("arguments", "message"),
    (
        ({"states": 0}, "states 0"),
        ({"states": 1.5}, "states 1.5"),
        ({"outcomes": 1}, "outcomes 1"),
        ({"estimator": 0.0}, "estimator 0"),
        ({"states": 4, "outcomes": 3}, "2136086 machines"),
    ),
)
def test_bad_input_says_what_is_allowed(arguments, message):
    with pytest.raises(gm.InputError, match=message):
        gm.StateMachines(**arguments)
    machines = gm.StateMachines(2)
    with pytest.raises(gm.InputError, match="0 to 1"):
        machines.observe_all([0, 2])
    assert machines.config()["seen"] == 0

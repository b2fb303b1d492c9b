"""The benchmarks measure right answers; how fast they come is not tested."""

import importlib
import json
import re
import shutil
import sys
from pathlib import Path

import pytest
from bench import development, inprocess, served, startup, table, websockets
from bench.__main__ import main
from bench.scenarios import SCENARIOS, Call, Scenario, WrongAnswer, check
from bench.table import Comparison, Rounds


def programs(scenario: Scenario) -> dict[str, Call]:
    return {name: scenario.build(importlib.import_module(name)) for name in ("carboy", "flask")}


@pytest.mark.parametrize("name", SCENARIOS)
def test_carboy_and_flask_give_the_answer_of_the_scenario(name: str) -> None:
    scenario = SCENARIOS[name]
    calls = programs(scenario)
    check(scenario, calls)
    check(scenario, calls)  # what one request leaves behind changes no later answer


def test_a_wrong_answer_is_not_timed() -> None:
    calls = programs(SCENARIOS["cookies"])
    with pytest.raises(WrongAnswer, match=r"hello: carboy answered 200 OK b'litres'"):
        check(SCENARIOS["hello"], calls)


def test_an_answer_unlike_flasks_is_not_timed() -> None:
    hello, json_out = SCENARIOS["hello"], SCENARIOS["JSON"]
    calls = programs(hello) | {"flask": programs(json_out)["flask"]}
    either = Scenario("either", hello.build, None, "200 OK", "")
    with pytest.raises(WrongAnswer, match=r"either: Carboy answered .*, Flask answered"):
        check(either, calls)


def test_every_rival_says_hello_and_the_table_shows_them() -> None:
    pytest.importorskip("falcon")
    pytest.importorskip("bottle")
    found = list(inprocess.compare(SCENARIOS["hello"], rounds=2, duration=0))
    shown = table.markdown(found).splitlines()
    assert [c.rival for c in found] == ["flask", "falcon", "bottle", "bare"]
    assert len(shown) == 2 + len(found)
    assert all("| hello " in line and " µs " in line for line in shown[2:])
    assert len({len(line) for line in shown}) == 1


def test_registration_is_timed_and_answered() -> None:
    registered, answered, both = startup.compare_registration(rounds=1, rules=20)
    assert (registered.what, registered.goal) == ("register 20 rules", 10)
    assert (answered.what, both.what) == ("first request then", "both")
    assert registered.carboy.best > 0 < answered.theirs.best


@pytest.mark.parametrize("program", websockets.PROGRAMS)
@pytest.mark.parametrize("server", websockets.SERVERS)
def test_every_websocket_echoes_and_hears_what_is_said_to_all(server: str, program: str) -> None:
    if shutil.which("taskset") is None or not Path("/proc/self/smaps_rollup").exists():
        pytest.skip("the system has no way to keep a process to a core, or to tell its memory")
    found = websockets.measure(server, program, connections=50)
    shown = websockets.markdown([found]).splitlines()
    assert (found.program, found.connections) == (program, 50)
    assert f"| {program} " in shown[-1] and len({len(line) for line in shown}) == 1


def test_connections_that_the_system_does_not_allow_are_told() -> None:
    with pytest.raises(served.CannotServe, match=r"1,000,000,000 connections need .* open files"):
        next(websockets.measure_all(1_000_000_000))


def test_the_best_round_decides_whether_a_goal_is_reached() -> None:
    quick = Comparison("a", "µs", Rounds((9, 2, 3)), "flask", Rounds((20, 30)), 10)
    slow = Comparison("b", "µs", Rounds((9, 4, 3)), "flask", Rounds((20, 30)), 10)
    rate = Comparison(
        "c", "requests/s", Rounds((80, 95), True), "bare", Rounds((100, 70), True), 0.9
    )
    free = Comparison("d", "ms", Rounds((1234.5,)), "flask", Rounds((12.34,)))
    lines = table.markdown([quick, slow, rate, free]).splitlines()[2:]
    rows = [[cell.strip() for cell in line.split("|")] for line in lines]
    assert [c.times for c in (quick, rate)] == [10, 0.95]
    assert [row[-2] for row in rows] == ["yes", "**no**", "yes", ""]
    assert [row[3] for row in rows] == [
        "2.00 (3.00)",
        "3.00 (4.00)",
        "95.0 (87.5)",
        "1,234 (1,234)",
    ]


def test_the_results_can_be_read_by_a_program() -> None:
    found = [Comparison("a", "µs", Rounds((2, 3)), "flask", Rounds((20,)), 10)]
    read = json.loads(json.dumps(table.as_json(found)))
    assert {"python", "platform", "versions"} < read.keys()
    (row,) = read["comparisons"]
    assert (row["carboy"], row["times"], row["reached"]) == ([2, 3], 10, True)


def test_the_command_prints_the_table_and_writes_the_rounds(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    found = tmp_path / "found.json"
    options = ["--only", "404", "--only", "cookies", "--rounds", "1", "--json", str(found)]
    monkeypatch.setattr(sys, "argv", ["bench", *options])
    main()
    printed = capsys.readouterr().out
    assert [line.split("|")[1].strip() for line in printed.splitlines()[2:4]] == ["404", "cookies"]
    assert re.search(r"Goals reached: [012] of 2\.$", printed)
    assert [row["what"] for row in json.loads(found.read_text())["comparisons"]] == [
        "404",
        "cookies",
    ]


def test_without_wrk_the_command_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["bench", "served"])
    monkeypatch.setattr(served.shutil, "which", lambda name: None)
    with pytest.raises(SystemExit, match="apt-get install wrk"):
        main()


def test_the_development_servers_start_and_reload_the_example() -> None:
    start, reload, *rates = development.compare_development(rounds=1, look=0)
    assert {start.rival, reload.rival} == {"flask run"}
    for comparison in (start, reload, *rates):
        assert comparison.carboy.best > 0 < comparison.theirs.best


def test_the_development_servers_are_compared_by_the_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = [Comparison("start", "s", Rounds((0.4,)), "flask run", Rounds((0.5,)), 1)]
    monkeypatch.setattr(development, "compare_development", lambda rounds: found * rounds)
    monkeypatch.setattr(sys, "argv", ["bench", "development", "--rounds", "3"])
    main()
    assert "Goals reached: 3 of 3." in capsys.readouterr().out

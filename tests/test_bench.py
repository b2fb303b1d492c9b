"""The benchmarks measure right answers; how fast they come is not tested."""

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path
from wsgiref.types import StartResponse, WSGIEnvironment

import pytest
from bench import (
    development,
    growth,
    guard,
    inprocess,
    instructions,
    report,
    served,
    startup,
    table,
    websockets,
)
from bench.__main__ import main
from bench.apps import FRAMEWORKS, installed
from bench.calls import Stage
from bench.scenarios import SCENARIOS, WrongAnswer, check
from bench.table import Comparison, Rounds

from carboy import Flask


# What other frameworks warn of when they are imported is not ours.
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", installed())
def test_every_framework_gives_the_answer_of_every_scenario(name: str) -> None:
    for key, scenario in SCENARIOS.items():
        if key == "rules" and name not in ("carboy", "carboy-async", "flask"):
            continue  # to register a thousand takes some of them many seconds
        with Stage() as stage:
            check(scenario, stage.calls(scenario, [name]))


@pytest.mark.parametrize("key", SCENARIOS)
def test_carboy_answers_as_flask_does_again_and_again(key: str) -> None:
    with Stage() as stage:
        calls = stage.calls(SCENARIOS[key], ["carboy", "flask"])
        check(SCENARIOS[key], calls)
        check(SCENARIOS[key], calls)  # what one request leaves behind changes no later answer


def test_what_a_framework_lacks_is_a_scenario_and_has_a_reason() -> None:
    for name in installed():
        for key, reason in FRAMEWORKS[name].lacks.items():
            assert key in SCENARIOS and reason


def test_a_wrong_answer_is_not_timed() -> None:
    with Stage() as stage:
        calls = stage.calls(SCENARIOS["cookies"], ["carboy"])
        with pytest.raises(WrongAnswer, match=r"hello: carboy answered b'litres' instead of"):
            check(SCENARIOS["hello"], calls)


def no_such_page(environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
    start_response("404 NOT FOUND", [])
    return [b"gone"]


def test_an_answer_unlike_flasks_is_not_timed() -> None:
    with Stage() as stage:
        calls = stage.calls(SCENARIOS["404"], ["carboy"])
        # A 404 is all that the scenario asks for; each framework has its own page.
        calls["flask"] = stage.visit(no_such_page, "wsgi", SCENARIOS["404"].request)
        with pytest.raises(WrongAnswer, match=r"404: Carboy answered .*, Flask .*b'gone'"):
            check(SCENARIOS["404"], calls)


@pytest.mark.filterwarnings("ignore")
def test_hello_is_timed_on_every_framework_and_on_bare_functions() -> None:
    times = inprocess.compare(SCENARIOS["hello"], rounds=2, duration=0)
    assert times.keys() == {*installed(), "bare WSGI", "bare ASGI"}
    assert all(len(rounds) == 2 for rounds in times.values())
    shown = report.ratios({"hello": times}).splitlines()
    assert shown[2].startswith("| hello |") and len(shown) == 3


def test_registration_is_timed_and_answered() -> None:
    registered, answered, both = startup.compare_registration(rounds=1, rules=20)
    assert (registered.what, registered.goal) == ("register 20 rules", 10)
    assert (answered.what, both.what) == ("first request then", "both")
    assert registered.carboy.best > 0 < answered.theirs.best


def test_imports_and_the_command_are_timed() -> None:
    found = {comparison.what: comparison for comparison in startup.compare_imports(rounds=1)}
    assert found["import"].goal == 1 / 0.6 and found["--version"].goal == 1
    assert all(comparison.carboy.best > 0 < comparison.theirs.best for comparison in found.values())


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


@pytest.mark.filterwarnings("ignore")
def test_the_command_prints_the_tables_and_keeps_no_part_of_a_part(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    kept = tmp_path / "results.json"
    names = ["--only", "404", "--only", "cookies", "--rounds", "1"]
    monkeypatch.setattr(sys, "argv", ["bench", "inprocess", *names, "--json", str(kept)])
    main()
    printed = capsys.readouterr().out
    assert printed.count("\n| cookies |") == 2 and printed.count("\n| 404 |") == 2
    assert "| cookies, times faster than Flask |" in printed
    assert not kept.exists()


@pytest.mark.filterwarnings("ignore")
def test_the_page_and_its_charts_are_made_from_the_results(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pytest.importorskip("matplotlib")
    load = {"rate": 9000.0, "p50": 1.0, "p99": 2.0, "work": 50.0, "errors": 0}
    target = {"name": "carboy", "server": "granian", "start": 0.2, "memory": 40.0}
    results = {
        "about": report.about(),
        "inprocess": {"hello": {"carboy": [4.0, 5.0], "flask": [60.0, 62.0]}},
        "served": [
            {**target, "loads": {"32": [load]}},
            {**target, "name": "flask", "memory": 50.0, "loads": {"32": [load]}},
        ],
        "growth": {"hooks": {"carboy": [[1, 4.0, 20.0, 4.0], [10, 5.0, 21.0, 4.0]]}},
    }
    kept = tmp_path / "results.json"
    kept.write_text(json.dumps(results))
    monkeypatch.setattr("bench.__main__.ROOT", tmp_path)
    monkeypatch.setattr(sys, "argv", ["bench", "page", "--json", str(kept)])
    main()
    page = (tmp_path / "docs" / "benchmarks.md").read_text()
    assert "| hello, times faster than Flask | 15.00 | ≥ 12 | yes |" in page
    assert "| Carboy | granian | 9,000 | 1.00 | 2.00 |" in page
    assert "| memory of a worker, Flask beside Carboy | 1.25 | ≥ 1 | yes |" in page
    assert page.count("*Not measured here.*") == 2  # instructions and start
    for chart in re.findall(r"\((images/[^)]+)\)", page):
        assert (tmp_path / "docs" / chart).read_text().startswith("<?xml")
    assert json.loads((tmp_path / "docs" / "benchmarks.json").read_text()) == results


@pytest.mark.parametrize("name", growth.AXES)
def test_what_grows_is_answered_rightly(name: str) -> None:
    axis = replace(growth.AXES[name], sizes=growth.AXES[name].sizes[:2])
    points = growth.measure(axis, rounds=1)
    assert [p.size for p in points["carboy"]] == [p.size for p in points["flask"]]
    assert all(p.microseconds > 0 and p.peak > 0 for side in points.values() for p in side)


def test_without_valgrind_the_command_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "argv", ["bench", "instructions", "--only", "hello"])
    monkeypatch.setattr(instructions.shutil, "which", lambda name: None)
    with pytest.raises(SystemExit, match="apt-get install valgrind"):
        main()


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


def figures(*, build: str = "a build", **bytecodes: int) -> guard.Figures:
    counts = {f"carboy/{key}": count for key, count in bytecodes.items()}
    shares = {name: count / 1000 for name, count in counts.items()}
    return guard.Figures(build, {"werkzeug": "3.1"}, counts, shares)


def answering(*hooks: object) -> Stage:
    """A stage whose Carboy says hello after *hooks* ran."""
    app = Flask(__name__)
    for hook in hooks:
        app.before_request(hook)  # type: ignore[type-var]
    app.add_url_rule("/", "hello", lambda: "Hello, World!")
    stage = Stage()
    stage.__enter__()._programs["carboy", "plain"] = (app, {})
    return stage


def count_hello(*hooks: object) -> int:
    stage = answering(*hooks)
    try:
        call = stage.call(SCENARIOS["hello"], "carboy")
        call.repeat(3)
        return guard.bytecodes(call)
    finally:
        stage.__exit__(None, None, None)


def test_bytecodes_are_counted_exactly() -> None:
    # In interpreters of their own, as `make guard` does: this one may run what other tests left.
    command = [sys.executable, "-m", "bench.guard", "carboy/hello", "carboy/page"]
    first, second = (
        json.loads(subprocess.check_output(command, env={**os.environ, "PYTHONHASHSEED": seed}))
        for seed in ("1", "2")
    )
    assert first == second
    assert first["carboy/page"] > first["carboy/hello"] > 0


def test_a_scenario_that_was_made_slower_fails_and_says_what_to_do() -> None:
    def costly() -> None:
        for _ in range(20):
            pass

    stored, slower = figures(hello=count_hello()), figures(hello=count_hello(costly))
    bytecodes, instructions = guard.compare(stored, slower)
    assert bytecodes.fails and instructions.fails
    shown = guard.show([bytecodes]).splitlines()[-1]
    was, now = stored.bytecodes["carboy/hello"], slower.bytecodes["carboy/hello"]
    assert f"| hello | bytecodes | {was:,} | {now:,} | +" in shown
    assert "**slower**: make it faster, or, if it has to be, `make guard-update`" in shown
    assert not any(row.fails for row in guard.compare(stored, stored))


def test_a_tenth_more_is_allowed_and_no_more() -> None:
    rows = guard.compare(
        figures(hello=1000, json=1000, query=1000), figures(hello=1100, json=1101, query=900)
    )
    found = {row.scenario: row for row in rows if row.unit == "bytecodes"}
    assert [row.fails for row in found.values()] == [False, True, False]
    assert found["carboy/query"].to_do == "faster: `make guard-update` keeps it so"


def test_instructions_of_another_build_may_take_a_third_more() -> None:
    stored, now = figures(hello=1000), figures(hello=1300, build="another build")
    assert [(row.unit, row.fails) for row in guard.compare(stored, now)] == [
        ("bytecodes", True),
        ("instructions", False),
    ]


def test_a_scenario_without_a_stored_figure_fails_and_one_that_is_gone() -> None:
    rows = guard.compare(figures(hello=1, form=1), figures(hello=1, query=1))
    assert {row.to_do for row in rows if row.fails} == {
        "new: `make guard-update`",
        "gone: `make guard-update`",
    }


def test_the_guard_has_a_figure_for_every_scenario_but_waiting() -> None:
    names = {"/".join(pair) for pair in guard.pairs()}
    assert {name.partition("/")[2] for name in names} == SCENARIOS.keys() - {"sleeps"}
    for stored in json.loads(guard.STORED.read_text()).values():
        assert stored["bytecodes"].keys() == names
        assert stored["instructions"].keys() < names


def run_guard(monkeypatch: pytest.MonkeyPatch, stored: Path, *arguments: str) -> None:
    monkeypatch.setattr(guard, "STORED", stored)
    monkeypatch.setattr(guard, "pairs", lambda: [("carboy", "hello"), ("carboy-rsgi", "hello")])
    monkeypatch.setattr(instructions.shutil, "which", lambda name: None)
    monkeypatch.setattr(sys, "argv", ["bench", "guard", *arguments])
    main()


def test_the_command_counts_without_valgrind_and_fails_with_the_table(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    python = "{}.{}".format(*sys.version_info)
    monkeypatch.setattr(guard, "pairs", lambda: [("carboy", "hello"), ("carboy-rsgi", "hello")])
    now = guard.count(None)
    stored = tmp_path / "guard.json"
    stored.write_text(json.dumps({python: asdict(now)}))
    run_guard(monkeypatch, stored)
    said = capsys.readouterr().out
    assert "All 2 figures are within what guard.json allows." in said
    assert "do not see the work of C: valgrind is not installed; on Debian: apt-get" in said

    now.bytecodes["carboy-rsgi/hello"] //= 2
    stored.write_text(json.dumps({python: asdict(now)}))
    with pytest.raises(SystemExit, match=r"(?s)async over RSGI \| .*slower.*1 of 2 figures"):
        run_guard(monkeypatch, stored)

    before = stored.read_text()
    with pytest.raises(SystemExit, match="valgrind is not installed"):
        run_guard(monkeypatch, stored, "--update")
    assert stored.read_text() == before


def test_a_python_without_stored_figures_is_told_and_not_failed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stored = tmp_path / "guard.json"
    stored.write_text(json.dumps({"3.10": asdict(figures(hello=1))}))
    run_guard(monkeypatch, stored)
    said = capsys.readouterr().out
    assert said.startswith("Nothing is guarded: guard.json has figures of Python 3.10, and Python")
    assert "`make guard-update` stores its figures as well" in said

"""The figures of the benchmark: medians, ranges, ratios and their tables."""

from __future__ import annotations

from bench.results import Row, Sample, Spread, spread
from bench.table import details, number, overview, ranged, table
from bench.workloads import WORKLOADS


def row(*costs: float) -> Row:
    return Row([Sample(cost, 2.0, 0.125) for cost in costs], peak=30_000_000)


def test_a_spread_is_the_median_with_the_least_and_the_greatest() -> None:
    assert spread([3.0, 1.0, 2.0, 9.0]) == Spread(2.5, 1.0, 9.0)


def test_a_ratio_is_paired_by_round_and_above_one_where_the_reference_needs_more() -> None:
    # The machine was three times as slow in the second round, for both of them.
    assert row(1.0, 3.0, 1.0).ratio(row(2.0, 6.0, 2.0)) == Spread(2.0, 2.0, 2.0)


def test_numbers_have_three_digits_that_matter() -> None:
    assert [number(value) for value in (1234.5, 12.345, 1.2345, 0.01234)] == ["1234", "12.3", "1.23", "0.012"]
    assert ranged(Spread(2.0, 1.0, 10.0)) == "2.00 (1.00 to 10.0)"


def test_the_columns_of_a_table_are_as_wide_as_their_widest_cell() -> None:
    assert table(["a", "b"], [["long name", "1"], ["x", "1.25"]]) == (
        "| a         |    b |\n"
        "| --------- | ---: |\n"
        "| long name |    1 |\n"
        "| x         | 1.25 |"
    )  # fmt: skip


def test_the_overview_shows_ratios_and_who_failed_or_cannot_take_part() -> None:
    results = {"w1": {"reference": row(4.0), "fast": row(1.0), "wrong": Row(failure="expected 250")}}
    lines = overview(results, ["reference", "fast", "wrong", "no tls"], "reference").splitlines()[2:]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert cells == [["reference", "1.00"], ["fast", "4.00"], ["wrong", "failed"], ["no tls", "-"]]


def test_the_details_of_a_workload_name_the_reason_of_a_failure() -> None:
    text = details(WORKLOADS[0], {"fast": row(1.0, 1.5, 2.0), "wrong": Row(failure="expected 250")}, ["reference"])
    assert "| fast   | 1.50 (1.00 to 2.00) |   2.00 |    30.0 |            12% |" in text
    assert "wrong failed: expected 250" in text


def test_where_the_reference_does_not_take_part_the_ceiling_takes_its_place() -> None:
    rows = {"fast": row(1.0), "ceiling": row(0.5)}
    assert "ratio to ceiling" in details(WORKLOADS[0], rows, ["reference", "ceiling"])
    assert overview({"w7": rows}, ["fast"], "reference").splitlines()[0] == "| server |"

from benchmarks.pricing import FEW, MANY, make_tariff, make_visit
from gateway.core.pieces import compile_rules
from gateway.core.pricing import price_stretches


def test_both_visits_are_the_same_session_under_all_ten_elements() -> None:
    tariff = make_tariff()
    rules = compile_rules((tariff,), "Europe/Amsterdam")

    few, many = (price_stretches(rules, make_visit(count)) for count in (FEW, MANY))

    assert len(tariff.elements) == 10
    assert round(few.cost.before_taxes or 0, 1) == round(many.cost.before_taxes or 0, 1)
    assert len(few.periods) == len(many.periods) > 3

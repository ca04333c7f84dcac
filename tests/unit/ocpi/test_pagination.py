from datetime import UTC, datetime

import pytest

from gateway.errors import WireError
from gateway.ocpi.pagination import page_headers, parse_page_request
from gateway.ports import Page

URL = "https://cpo.example/ocpi/cpo/2.2.1/cdrs"
FROM = "2026-01-01T00:00:00Z"
TO = "2026-02-01T00:00:00Z"


def next_query(headers: dict[str, str]) -> dict[str, str]:
    url, rel = headers["Link"].split("; ")
    assert rel == 'rel="next"'
    assert url.startswith(f"<{URL}?")
    return dict(pair.split("=", 1) for pair in url[len(URL) + 2 : -1].split("&"))


def test_without_parameters_the_first_page_of_full_size_is_meant() -> None:
    asked = parse_page_request({}, max_limit=100).asked

    assert (asked.offset, asked.limit, asked.after, asked.date_from, asked.date_to) == (0, 100, None, None, None)


def test_a_limit_above_the_maximum_is_lowered_and_x_limit_shows_the_maximum() -> None:
    request = parse_page_request({"limit": "2000"}, max_limit=100)

    assert request.asked.limit == 100
    assert page_headers(request, url=URL, page=Page(items=(), total=0))["X-Limit"] == "100"


def test_x_limit_is_the_servers_maximum_also_for_a_client_that_asks_for_less() -> None:
    request = parse_page_request({"limit": "10"}, max_limit=100)

    assert page_headers(request, url=URL, page=Page(items=(1,), total=1))["X-Limit"] == "100"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("offset", "-1"),
        ("offset", "1.5"),
        ("offset", "ten"),
        ("offset", "9" * 17),
        ("offset", "9999999999999999"),
        ("offset", "²"),
        ("limit", "0"),
        ("limit", "-5"),
        ("limit", "all"),
        ("date_from", "yesterday"),
        ("date_from", "2026-02-30T00:00:00Z"),
        ("date_to", "1767225600"),
        ("after", "!!"),
        ("after", "bm9uc2Vuc2U"),
    ],
)
def test_an_unusable_value_is_an_error_that_names_the_parameter(name: str, value: str) -> None:
    with pytest.raises(WireError) as error:
        parse_page_request({name: value}, max_limit=100)

    assert error.value.path == name


def test_an_empty_parameter_is_an_absent_one() -> None:
    asked = parse_page_request({"offset": "", "date_to": ""}, max_limit=100).asked

    assert (asked.offset, asked.date_to) == (0, None)


def test_date_from_can_be_required() -> None:
    with pytest.raises(WireError) as error:
        parse_page_request({}, max_limit=100, needs_date_from=True)

    assert error.value.path == "date_from"


def test_the_link_carries_all_filters_and_leads_to_the_next_page() -> None:
    query = {"date_from": FROM, "date_to": TO, "limit": "2"}
    request = parse_page_request(query, max_limit=100)
    linked = next_query(page_headers(request, url=URL, page=Page(items=(1, 2), total=5, next_after=77)))

    assert (linked["date_from"], linked["date_to"], linked["offset"], linked["limit"]) == (FROM, TO, "2", "2")
    followed = parse_page_request(linked, max_limit=100).asked
    assert (followed.offset, followed.limit, followed.after) == (2, 2, 77)
    assert followed.date_from == datetime(2026, 1, 1, tzinfo=UTC)


def test_a_page_whose_items_were_joined_already_has_its_link_too() -> None:
    request = parse_page_request({"limit": "2", "offset": "2"}, max_limit=100)
    linked = next_query(page_headers(request, url=URL, page=Page(items=(), total=9, next_after=4)))

    followed = parse_page_request(linked, max_limit=100).asked
    assert (followed.offset, followed.limit, followed.after) == (4, 2, 4)


def test_a_mark_does_not_count_for_another_offset() -> None:
    request = parse_page_request({"limit": "2"}, max_limit=100)
    linked = next_query(page_headers(request, url=URL, page=Page(items=(1, 2), total=9, next_after=77)))

    assert parse_page_request(linked | {"offset": "4"}, max_limit=100).asked.after is None


def test_the_last_page_has_no_link_but_both_counts() -> None:
    request = parse_page_request({"offset": "4", "limit": "2"}, max_limit=100)

    assert page_headers(request, url=URL, page=Page(items=(5,), total=5)) == {"X-Total-Count": "5", "X-Limit": "100"}


def test_an_empty_list_has_both_counts() -> None:
    request = parse_page_request({}, max_limit=50)

    assert page_headers(request, url=URL, page=Page(items=(), total=0)) == {"X-Total-Count": "0", "X-Limit": "50"}

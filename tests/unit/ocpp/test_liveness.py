from gateway.ocpp.liveness import Liveness, Sign


def test_a_station_that_speaks_is_left_alone() -> None:
    liveness = Liveness(45.0, 300.0)

    assert [liveness.decide(now, now - 44.0) for now in (100.0, 200.0, 300.0)] == [Sign.NONE] * 3


def test_a_silent_station_is_pinged_once_per_silence() -> None:
    liveness = Liveness(45.0, 300.0)

    assert liveness.decide(45.0, 0.0) is Sign.PING
    assert liveness.decide(50.0, 0.0) is Sign.NONE
    assert liveness.decide(60.0, 46.0) is Sign.NONE
    assert liveness.decide(91.0, 46.0) is Sign.PING


def test_a_ping_that_was_not_answered_is_followed_by_pongs() -> None:
    liveness = Liveness(45.0, 300.0)

    assert [liveness.decide(45.0 * number, 0.0) for number in (1, 2, 3)] == [Sign.PING, Sign.PONG, Sign.PONG]


def test_a_station_that_used_to_answer_is_dead_after_three() -> None:
    liveness = Liveness(45.0, 3_600.0)
    liveness.decide(45.0, 0.0)

    assert [liveness.decide(46.0 + 45.0 * number, 46.0) for number in (1, 2, 3, 4)] == [
        Sign.PING,
        Sign.PONG,
        Sign.PONG,
        Sign.DEAD,
    ]


def test_a_station_that_never_answers_is_dead_after_three_heartbeats() -> None:
    liveness = Liveness(45.0, 300.0)

    signs = [liveness.decide(45.0 * number, 0.0) for number in range(1, 30)]

    assert signs.index(Sign.DEAD) == 20  # the first look after 900 s

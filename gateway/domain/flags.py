"""What the flags of a CDR mean, in words for a person."""

RESERVATION_EXPIRED = "reservation_expired"
RESERVATION_CANCELED = "reservation_canceled"
RESERVATION_WITHDRAWN = "reservation_withdrawn"

MEANINGS = {
    # raised by the fold of the facts
    "abandoned": "the station never told an end: the session was given up, and ends with the last that was heard of it",
    "estimated": "much was drawn in more than an hour without readings: its place in time is an estimate",
    "leap_ignored": "the energy register rose by more than any plug can give: that rise was kept out",
    "register_fell": "the energy register fell (meter swapped or reset): what was drawn around then is not known",
    "source_changed": "energy was told by one register and then by another: each counts from its own beginning",
    "start_register_ignored": "the register at the start was a placeholder: energy counts from the next reading on",
    "time_replaced": "the station's clock was wrong: the time of receipt stands for some of its times",
    RESERVATION_EXPIRED: "no session followed the reservation before it expired",
    RESERVATION_CANCELED: "the driver's provider canceled the reservation, and no session followed it",
    RESERVATION_WITHDRAWN: "the reservation was taken back by the operator or the station",
    # raised by what the meter signed
    "signature_broken": "a signature does not fit what the meter is said to have signed",
    "signature_unverified": "a signed value could not be checked",
    "signed_energy_differs": "the meter signed another energy",
    "signed_key_differs": "another key came than the most trusted one",
    "signed_meter_differs": "several meters signed",
    "signed_values_left_out": "more values were signed than a bill holds",
    # raised by looking at the session as a whole
    "gap": "messages that the station numbered never came: what they told is not in the bill",
    "no_energy_reading": "the station never told its energy register",
    "zero_energy": "no energy was drawn",
    "energy_beyond_plug": "more was drawn than the plug can give in that time",
    "energy_beyond_limit": "more was drawn than the operator's limit",
    "duration_beyond_limit": "it lasted longer than the operator's limit",
    "unit_doubtful": "so little was drawn that the unit of the readings is doubtful",
    # raised by pricing, by a person, by a correction
    "max_price": "the most that a session costs under the tariff took the place of the sum",
    "min_price": "the least that a session costs under the tariff took the place of the sum",
    "reviewed": "the operator looked at it and released it",
    "energy_corrected": "the operator told the energy, for the meter's was wrong",
    "corrected": "it stands in the place of another bill",
}

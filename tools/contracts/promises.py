"""The behaviour that is part of the contract, in sentences: each has a test of its own."""

from nightshift.contract.wire import Reason

PROMISES: dict[str, str] = {
    "a_body_that_does_not_fit_is_a_dead_letter_at_its_first_attempt": (
        "A body that does not fit its schema is a dead letter at its first attempt, with the field and the reason. "
        "It is never tried again."
    ),
    "an_unknown_type_is_a_dead_letter_after_its_retries": (
        "A type that a service does not know (`jobs.email.sned`) is tried again, because in a rolling deploy another "
        "replica may know it, and is a dead letter after the retries, which says what may have been meant. A subject "
        "of no service (`jobs.emial.send`) has no stream: who waits for the answer is told that nobody answers."
    ),
    "a_failed_job_is_tried_again_within_the_backoff": (
        "A job that fails is tried again later: at most 1 s, 2 s, 4 s … up to 15 minutes later, with full jitter "
        "(anything from nothing to that). How often is part of its type's contract; then it is a dead letter."
    ),
    "a_job_published_twice_has_one_effect_inside_the_window_and_outside": (
        "A job published twice with one `Job-Id` (or `Nats-Msg-Id`) has one effect: within two minutes the broker "
        "drops a second `Nats-Msg-Id` (`duplicate: true` in its answer); later, and by `Job-Id`, the worker does, "
        "for 60 days."
    ),
    "a_job_of_a_dead_worker_is_with_another_one_in_time": (
        "A job of a worker that died is with another one within 30 seconds."
    ),
    "no_order_is_promised": "No order is promised, not even between two jobs of one producer.",
    "headers_travel_along_but_for_orders_to_the_broker": (
        "Headers that are not ours travel along, into every copy and the dead letter. Those that begin with `Nats-` "
        "are orders to the broker and do not. A job with a header that is almost ours (`job-id`, `X-Job-Id`) and "
        "without the right one is a dead letter that names both."
    ),
    "an_event_is_handled_like_one_asked_for_by_hand": (
        "A schedule's event has the id `<name>@<due time>`, comes once per due time, and is handled like one that was "
        "asked for by hand on `cron.<name>.manual`."
    ),
    "a_dead_letter_published_again_on_its_subject_is_a_job": (
        "A dead letter is kept for 30 days with its body as it came; published again on its `Dead-Subject`, with the "
        "headers that are not `Dead-*`, it is a job."
    ),
}
"""The name of the test in `tests/integration/contracts/test_behaviour.py` -> the sentence that it proves."""

REASONS: dict[Reason, str] = {
    "invalid": "The body does not fit its schema, or the headers cannot be read.",
    "unknown-type": "No handler for this type, after the retries; at once where the subject can be no type's.",
    "permanent": "The service says that it can never be done: the text says why.",
    "attempts-exhausted": "Every attempt failed; the text is the last one's error.",
    "crash-loop": "Delivered more than ten times, and no worker lived to say how it ended.",
    "cancelled": "Somebody cancelled it while a worker had it.",
}

"""Asynchronous events, and what is remembered of invocations."""


def test_events_are_waited_for(suite):
    suite.makepyfile(
        """
        def test_it(larder, larder_client):
            client = larder_client("lambda")
            sent = client.invoke(FunctionName="orders", InvocationType="Event", Payload=b'{"id": 7}')
            larder.wait_for_events("orders", timeout=30)
            (ran,) = larder.invocations("orders")
            assert (ran["trigger"]["kind"], ran["end"]) == ("event", "response")
            record = larder.invocation(ran["request_id"])
            assert '"id": 7' in record["event"]["text"] and '"order": 7' in record["answer"]["text"]
            assert larder.invocations(errors=True) == larder.invocations("other") == []
        """
    )
    suite.runpytest("--larder-pod=orders.pod").assert_outcomes(passed=1)


def test_a_wait_has_an_end_and_what_waits_does_not_reach_the_next_test(suite, monkeypatch):
    monkeypatch.setenv("LAMBDA_RETRY_BASE_DELAY_SECONDS", "300")
    suite.makepyfile(
        """
        import time

        import pytest

        def test_one(larder, larder_client):
            larder_client("lambda").invoke(FunctionName="orders", InvocationType="Event", Payload=b"{}")
            while not larder.invocations(errors=True):
                time.sleep(0.05)
            with pytest.raises(TimeoutError, match="1 wait"):
                larder.wait_for_events(timeout=0.5)

        def test_two(larder):
            larder.wait_for_events(timeout=0.2)
            assert larder.invocations() == []
        """
    )
    suite.runpytest("--larder-pod=orders.pod").assert_outcomes(passed=2)

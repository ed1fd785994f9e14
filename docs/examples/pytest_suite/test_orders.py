import json

import pytest


def order(client):
    answer = client.invoke(FunctionName="orders", Payload=json.dumps({"id": 7}))
    return json.load(answer["Payload"])


def test_the_function_of_the_pod_answers(client):
    assert order(client) == {"stage": "dev", "order": 7}


def test_a_test_may_change_what_it_likes(client):
    variables = {"Variables": {"STAGE": "changed"}}
    client.update_function_configuration(FunctionName="orders", Environment=variables)
    client.get_waiter("function_updated_v2").wait(FunctionName="orders")
    assert order(client) == {"stage": "changed", "order": 7}


def test_a_test_may_delete_it(client):
    client.delete_function(FunctionName="orders")
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.get_function(FunctionName="orders")


def test_the_next_one_finds_it_again(client):
    assert order(client) == {"stage": "dev", "order": 7}


def test_events_are_waited_for(larder, client):
    client.invoke(FunctionName="orders", InvocationType="Event", Payload=json.dumps({"id": 7}))
    larder.wait_for_events("orders")
    assert [ran["end"] for ran in larder.invocations("orders")] == ["response"]

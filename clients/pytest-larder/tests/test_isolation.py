"""Each test begins with the same state."""


def test_what_a_test_does_is_undone(suite):
    suite.makepyfile(
        """
        def names(client):
            return [function["FunctionName"] for function in client.list_functions()["Functions"]]

        def test_one(larder_client):
            larder_client("lambda").delete_function(FunctionName="orders")
            assert names(larder_client("lambda")) == []

        def test_two(larder_client, order):
            assert names(larder_client("lambda")) == ["orders"]
            assert order(id=7) == {"stage": "dev", "order": 7}
        """
    )
    suite.runpytest("--larder-pod=orders.pod").assert_outcomes(passed=2)


def test_what_wider_fixtures_do_stays_as_long_as_they(suite):
    suite.makepyfile(
        """
        import pytest

        @pytest.fixture(scope="module")
        def queue(larder_client):
            return larder_client("sqs").create_queue(QueueName="shared")["QueueUrl"]

        @pytest.mark.parametrize("turn", [1, 2])
        def test_it_is_there_for_each(larder_client, queue, turn):
            urls = larder_client("sqs").list_queues()["QueueUrls"]
            assert urls == [queue]
            larder_client("sqs").delete_queue(QueueUrl=queue)
        """
    )
    suite.runpytest().assert_outcomes(passed=2)


def test_messages_of_one_test_do_not_reach_the_next(suite):
    suite.makepyfile(
        """
        import pytest

        @pytest.fixture(scope="module")
        def queue(larder_client):
            return larder_client("sqs").create_queue(QueueName="shared")["QueueUrl"]

        @pytest.mark.parametrize("turn", ["1", "2"])
        def test_it(larder_client, queue, turn):
            sqs = larder_client("sqs")
            sqs.send_message(QueueUrl=queue, MessageBody=turn)
            received = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10)["Messages"]
            assert [message["Body"] for message in received] == [turn]
        """
    )
    suite.runpytest().assert_outcomes(passed=2)


def test_marks_and_rewinds_within_a_test(suite):
    suite.makepyfile(
        """
        def test_it(larder, larder_client):
            sqs = larder_client("sqs")
            sqs.create_queue(QueueName="one")
            here = larder.mark("here")
            sqs.create_queue(QueueName="two")
            larder.rewind(here)
            assert [url.rpartition("/")[2] for url in sqs.list_queues()["QueueUrls"]] == ["one"]
        """
    )
    suite.runpytest().assert_outcomes(passed=1)


def test_tests_without_larder_start_no_server(suite):
    suite.makepyfile("def test_it(): pass")
    suite.runpytest("--larder-bin=/nowhere/larder").assert_outcomes(passed=1)


def test_a_marker_names_the_pod_that_a_test_begins_with(suite):
    suite.makepyfile(
        """
        import pytest

        def functions(client):
            return [function["FunctionName"] for function in client.list_functions()["Functions"]]

        @pytest.mark.larder(pod="orders.pod")
        @pytest.mark.parametrize("turn", [1, 2])
        def test_with_it(larder_client, order, turn):
            assert order(id=turn) == {"stage": "dev", "order": turn}
            larder_client("lambda").delete_function(FunctionName="orders")

        def test_without_it(larder_client):
            assert functions(larder_client("lambda")) == []

        @pytest.mark.larder(pod="orders.pod", trust=True)
        def test_trusted(larder_client):
            arn = larder_client("lambda").get_function(FunctionName="orders")["Configuration"]["FunctionArn"]
            assert larder_client("lambda").list_tags(Resource=arn)["Tags"] == {}

        @pytest.mark.larder(pod="missing.pod")
        def test_with_none_that_is_there():
            pass
        """
    )
    done = suite.runpytest()
    done.assert_outcomes(passed=4, errors=1)
    done.stdout.fnmatch_lines(["*LarderError: the pod cannot be read: *missing.pod'"])


def test_the_ini_file_names_the_pod_and_the_folder_of_failures(suite):
    suite.makeini("[pytest]\nlarder_pod = orders.pod\nlarder_failures = kept")
    suite.mkdir("below")
    test = "def test_it(order):\n    assert order(id=7)['order'] == 8\n"
    (suite.path / "below" / "test_it.py").write_text(test)
    suite.runpytest("below").assert_outcomes(failed=1)
    assert [path.name for path in (suite.path / "kept").glob("*.pod")] == ["below.test_it.py.test_it.pod"]

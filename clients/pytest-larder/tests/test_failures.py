"""What a failing test leaves."""

import pytest
from pytest_larder.failures import path_of

FAILS = """
    def test_an_order_has_an_id(order):
        assert order(id=7) == {"stage": "dev", "order": 7}
        assert order() == {"stage": "dev", "order": None}
"""


def failed_with(suite, *arguments):
    done = suite.runpytest("--larder-pod=orders.pod", *arguments)
    return done, sorted(path.name for path in (suite.path / ".larder-failures").glob("*.pod"))


def test_a_failing_test_leaves_a_pod_that_reproduces_it(suite, cli):
    suite.makepyfile(test_orders=FAILS)
    done, pods = failed_with(suite)
    done.assert_outcomes(failed=1)
    assert pods == ["test_orders.py.test_an_order_has_an_id.pod"]
    done.stdout.fnmatch_lines(["*- larder -*", f"what happened is in *{pods[0]}"])

    pod = str(suite.path / ".larder-failures" / pods[0])
    code, said = cli("pod", "inspect", pod)
    assert code == 0 and "function:orders" in said, said
    code, said = cli("reproduce", pod)
    assert code == 0 and "Reproduced" in said and "KeyError" in said, said


def test_it_has_the_state_of_the_failure_and_what_was_invoked_in_this_test_only(suite, cli):
    suite.makepyfile(
        """
        def test_before(order):
            order(id=1)

        def test_it(larder, larder_client):
            larder_client("sqs").create_queue(QueueName="only-now")
            assert larder.invocations() == []
            assert False
        """
    )
    _, pods = failed_with(suite)
    code, said = cli("pod", "inspect", str(suite.path / ".larder-failures" / pods[0]))
    assert code == 0 and "only-now" in said, said
    assert cli("reproduce", "--json", str(suite.path / ".larder-failures" / pods[0])) == (0, "[]\n")
    assert "Nothing was invoked there" in cli("reproduce", str(suite.path / ".larder-failures" / pods[0]))[1]


def test_a_fixture_that_fails_leaves_one_and_an_expected_failure_none(suite):
    suite.makepyfile(
        test_it="""
        import pytest

        @pytest.fixture
        def broken(larder):
            raise RuntimeError("a fixture")

        def test_with_a_broken_fixture(broken):
            pass

        @pytest.mark.xfail
        def test_expected(larder):
            assert False

        def test_skipped(larder):
            pytest.skip("not today")
        """
    )
    done, pods = failed_with(suite)
    done.assert_outcomes(errors=1, xfailed=1, skipped=1)
    assert pods == ["test_it.py.test_with_a_broken_fixture.pod"]


def test_a_test_that_passes_again_takes_its_pod_away(suite):
    suite.makepyfile(test_orders=FAILS)
    assert len(failed_with(suite)[1]) == 1
    suite.makepyfile(test_orders="def test_an_order_has_an_id(order):\n    order(id=7)\n")
    assert failed_with(suite)[1] == []


def test_a_server_that_is_gone_hides_no_failure(suite):
    suite.makepyfile("def test_it(larder):\n    larder._calls.endpoint = 'http://127.0.0.1:1'\n    assert 1 == 2\n")
    done = suite.runpytest()
    done.stdout.fnmatch_lines(["*assert 1 == 2*", "there is no pod of what happened: larder does not answer*"])


@pytest.mark.parametrize(
    "test_id, name",
    [
        ("tests/test_a.py::TestX::test_y", "tests.test_a.py.TestX.test_y.pod"),
        ("test_a.py::test_y[1-b]", "test_a.py.test_y[1-b].pod"),
    ],
)
def test_names_are_the_tests_ids(tmp_path, test_id, name):
    assert path_of(tmp_path, test_id).name == name


def test_ids_that_no_file_can_have_stay_apart(tmp_path):
    ids = ["test_a.py::test_y[a b]", "test_a.py::test_y[a*b]", "test_a.py::" + "x" * 300, "test_a.py::" + "x" * 301]
    names = {path_of(tmp_path, test_id).name for test_id in ids}
    assert len(names) == len(ids) and max(map(len, names)) < 200

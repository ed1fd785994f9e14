"""Celery's producer and worker over SQS: usage use_celery.py URL."""

import sys
import threading
import time

from celery import Celery
from celery.contrib.testing.worker import start_worker

# No queue is looked for in the environment, which is empty.
HOST = sys.argv[1].removeprefix("http://")
app = Celery("tests", broker=f"sqs://test:test@{HOST}")
app.conf.update(
    broker_transport_options={
        "region": "us-east-1", "is_secure": False, "wait_time_seconds": 2, "polling_interval": 0.05, "visibility_timeout": 60,
    },
    task_default_queue="tasks", worker_hijack_root_logger=False, broker_connection_retry_on_startup=True,
)

done = {}
changed = threading.Condition()


@app.task(bind=True, max_retries=3)
def work(self, number):
    # Every fifth fails once.
    if number % 5 == 0 and self.request.retries == 0:
        raise self.retry(countdown=0)
    with changed:
        done.setdefault(number, []).append(time.monotonic())
        changed.notify_all()


def main():
    start = time.monotonic()
    for number in range(30):
        work.delay(number)
    work.apply_async((30,), countdown=3)
    with start_worker(app, pool="solo", perform_ping_check=False, shutdown_timeout=30):
        with changed:
            assert changed.wait_for(lambda: len(done) == 31, timeout=60), sorted(done)
    assert all(len(times) == 1 for times in done.values()), done
    assert done[30][0] - start >= 3, "not before it is due"

    with app.connection_for_read() as connection:
        sqs = connection.default_channel.sqs()
        url = sqs.get_queue_url(QueueName="tasks")["QueueUrl"]
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        left = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    assert left == dict.fromkeys(names, "0"), left
    print("celery: all as expected")


main()

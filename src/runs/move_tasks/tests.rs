use super::*;
use crate::model::command::Stamp;
use crate::model::names::Scope;
use crate::model::queues::{Queue, QueueSettings, Redrive};
use crate::model::state::State;
use crate::runs::command::{MessageCommand, RunCommand};
use crate::runs::decide::decide;
use crate::runs::messages::{MessageQueue, QueuedMessage, Sending};
use crate::runs::state::Runs;

fn key(name: &str) -> QueueKey {
    let scope = Scope { account: "000000000000".into(), region: "us-east-1".into() };
    QueueKey { scope, name: name.into() }
}

/// A dead-letter queue of some queues, and what is under way.
struct House {
    model: State,
    runs: Runs,
    time: u64,
}

impl House {
    fn new(sources: &[&str]) -> Self {
        let mut house = Self { model: State::default(), runs: Runs::default(), time: 1000 };
        house.put("dead", None);
        for source in sources {
            house.put(source, Some("dead"));
        }
        house
    }

    fn put(&mut self, name: &str, dead_letters: Option<&str>) {
        let redrive = dead_letters.map(|dead| Redrive { dead_letter_queue: key(dead).arn(), max_receive_count: 1 });
        let settings = QueueSettings { redrive, visibility_s: 0, ..QueueSettings::new(false) };
        let zero = Timestamp(0);
        let queue = Queue { key: key(name), created: zero, modified: zero, settings, tags: [].into() };
        self.model.queues.insert(key(name), queue.into());
    }

    /// Decides and applies a command; its stamp.
    fn run(&mut self, command: &RunCommand) -> Result<Stamp, String> {
        self.time += 1;
        let stamp = Stamp { time: Timestamp(self.time), seed: Uuid::from_u128(self.time.into()) };
        let decided = decide(&self.runs, &self.model, command, &stamp);
        for event in decided.map_err(|error| error.message.unwrap_or_default())? {
            self.runs.apply(self.runs.sequence + 1, &event);
        }
        Ok(stamp)
    }

    fn send(&mut self, queue: &str, count: usize) {
        let message = || QueuedMessage {
            message_id: "m".into(),
            body: "b".into(),
            attributes: [].into(),
            trace_header: None,
            sender: "s".into(),
            group: None,
            deduplication: None,
        };
        let sending = (0..count).map(|_| Sending { message: message(), delay_s: None }).collect();
        self.run(&RunCommand::Messages(key(queue), MessageCommand::Send(sending))).expect("is sent");
    }

    /// Has all messages of a queue received too often.
    fn give_up(&mut self, queue: &str) {
        for _ in 0..2 {
            let receive = MessageCommand::Receive { most: 1000, visibility_s: None };
            self.run(&RunCommand::Messages(key(queue), receive)).expect("are received");
        }
        assert_eq!(self.count(queue), 0);
    }

    fn count(&self, queue: &str) -> usize {
        self.runs.messages.queue(&key(queue)).map_or(0, MessageQueue::len)
    }

    fn start(&mut self, destination: Option<&str>) -> Result<MoveTaskKey, String> {
        let destination = destination.map(key);
        let start = MoveTaskCommand::Start { source: key("dead"), destination, rate: None };
        let stamp = self.run(&RunCommand::MoveTask(start))?;
        Ok(MoveTaskKey { source: key("dead"), started: stamp.time, id: MoveTaskId(stamp.seed) })
    }

    fn ask(&mut self, command: MoveTaskCommand) -> Result<(), String> {
        self.run(&RunCommand::MoveTask(command)).map(drop)
    }

    fn step(&mut self, task: &MoveTaskKey) {
        self.ask(MoveTaskCommand::Step(task.clone())).expect("nothing is refused");
    }

    fn task(&self, task: &MoveTaskKey) -> (MoveTaskStatus, u64, Option<String>) {
        let (_, task) = self.runs.move_tasks.get(task).expect("is there");
        (task.status, task.moved, task.failure.clone())
    }
}

#[test]
fn each_message_goes_back_to_where_it_came_from() {
    let mut house = House::new(&["one", "two"]);
    for (queue, count) in [("one", 120), ("two", 3)] {
        house.send(queue, count);
        house.give_up(queue);
    }
    assert_eq!(house.count("dead"), 123);
    let task = house.start(None).expect("is started");
    let (_, there) = house.runs.move_tasks.get(&task).expect("is there");
    assert_eq!((there.to_move, there.status), (123, MoveTaskStatus::Running));

    house.step(&task);
    assert_eq!(house.task(&task), (MoveTaskStatus::Running, 100, None));
    house.step(&task);
    assert_eq!((house.task(&task).1, house.count("one"), house.count("two")), (123, 120, 3));
    house.step(&task);
    assert_eq!(house.task(&task), (MoveTaskStatus::Completed, 123, None));
    assert_eq!(house.runs.move_tasks.active().count(), 0);
    let ended = house.runs.sequence;
    house.step(&task);
    assert_eq!(house.runs.sequence, ended, "nothing comes of one that has ended");

    // One that was sent to the dead-letter queue came from nowhere.
    house.send("dead", 1);
    let task = house.start(None).expect("is started");
    house.step(&task);
    assert_eq!(house.task(&task), (MoveTaskStatus::Failed, 0, Some(NO_SOURCE.into())));
}

/// The word for it.
const NO_SOURCE: &str = "CouldNotDetermineMessageSource";

#[test]
fn one_task_of_a_queue_is_active_and_ten_are_remembered() {
    let mut house = House::new(&["one"]);
    house.send("dead", 500);
    let first = house.start(None).expect("is started");
    house.step(&first);
    assert!(house.start(None).expect_err("is refused").starts_with("There is already a task running."));
    house.ask(MoveTaskCommand::Cancel(first.clone())).expect("is cancelled");
    assert_eq!(house.task(&first), (MoveTaskStatus::Cancelling, 100, None));
    assert!(house.start(None).is_err(), "it is active still");
    house.step(&first);
    assert_eq!(house.task(&first), (MoveTaskStatus::Cancelled, 100, None));
    assert!(house.ask(MoveTaskCommand::Cancel(first.clone())).is_err());

    for _ in 0..REMEMBERED {
        let task = house.start(Some("nobody")).expect("is started");
        house.step(&task);
        assert_eq!(house.task(&task).0, MoveTaskStatus::Failed);
    }
    assert!(house.runs.move_tasks.get(&first).is_none(), "the oldest is forgotten");
    assert_eq!(house.runs.move_tasks.of(&key("dead")).count(), REMEMBERED);
    assert_eq!(house.runs.move_tasks.of(&key("dea")).count() + house.runs.move_tasks.of(&key("deae")).count(), 0);
}

#[test]
fn tasks_go_with_their_queue() {
    let mut house = House::new(&["one"]);
    house.send("dead", 2);
    house.start(None).expect("is started");
    house.run(&RunCommand::DropQueue(key("dead"))).expect("is dropped");
    assert_eq!((house.runs.move_tasks.iter().count(), house.count("dead")), (0, 0));

    let task = house.start(None).expect("is started");
    house.model.queues.remove(&key("dead"));
    house.step(&task);
    assert_eq!(house.runs.move_tasks.iter().count(), 0);
    house.put("dead", None);
    house.start(None).expect("is started");
    house.model.queues.remove(&key("dead"));
    house.run(&RunCommand::DropOrphans).expect("is done");
    assert_eq!(house.runs.move_tasks.iter().count(), 0);
}

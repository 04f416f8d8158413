"""A world of topics that tests write to by hand, and of sinks that come and go."""

import itertools

import confluent_kafka
import pytest

from world import World, wait_for

numbers = itertools.count(1)


class SinkWorld(World):
    def __init__(self, servers, name):
        super().__init__(servers, name)
        self.watcher = confluent_kafka.Consumer({
            "bootstrap.servers": servers.kafka_address, "group.id": "oracle",
            # A commit returns before its markers are written: the stable end may still lie before
            # the records just committed, the real end never does.
            "isolation.level": "read_uncommitted",
        })

    def sink(self, *arguments):
        return self.start("sink", *arguments)

    def producer(self, transactional=True):
        # Idempotent: without it a batch that is sent again (a topic just made, a slow broker) may come behind
        # later ones, and the oracle of the test would not be what is in the topic.
        config = {"bootstrap.servers": self.servers.kafka_address, "linger.ms": 5,
                  "partitioner": "murmur2", "enable.idempotence": True}
        if transactional:
            config["transactional.id"] = self.prefix + "test"
        producer = confluent_kafka.Producer(config)
        if transactional:
            producer.init_transactions(30)
        return producer

    def behind(self):
        """Partitions whose end the sink has not committed."""
        at = {(topic, part): offset for topic, part, offset in
              self.query("select topic, part, next_offset from sujip.sink_progress")}
        # A partition that nobody has taken yet has no line, and is behind all the same.
        parts = [(topic, part) for topic in {topic for topic, _ in at}
                 for part in self.watcher.list_topics(topic, timeout=10).topics[topic].partitions]
        out = []
        for topic, part in parts:
            low, high = self.watcher.get_watermark_offsets(
                confluent_kafka.TopicPartition(topic, part), timeout=10)
            offset = at.get((topic, part), low)
            if offset < high:
                out.append((topic, part, offset, high))
        return out if at else ["no progress yet"]

    def wait_until_caught_up(self, seconds=90):
        wait_for("the sink to catch up", lambda: not self.behind(), seconds)

    def close(self):
        for process in self.processes:
            if process.poll() is None:
                process.kill()
        self.watcher.close()
        super().close()


@pytest.fixture
def world(servers):
    made = SinkWorld(servers, f"sink{next(numbers)}")
    yield made
    made.close()

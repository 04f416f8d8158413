"""What can go wrong, one method a kind. Each returns when the damage is done and the way back is open; the
processors and sinks find back by themselves, or, when dead, are started again.

Delays here choose the moment of a fault, they never wait for a result."""

import os
import shutil
import signal
import time

from servers import KAFKA, POSTGRES

# Steps that every stage passes while it works; see fault_point() in processors/runtime.
WORK = ("processed", "before_flush", "before_offsets", "before_commit", "after_commit",
        "before_checkpoint", "after_checkpoint")
START = ("before_init", "after_init", "assigned", "restore_begin", "restore_offsets", "restore_ends",
         "restore_record", "restore_end", "restored")
REBALANCE = ("revoke_begin", "revoke_end")
RECOVERY = ("recover_begin", "recover_end")
STOP = ("stop_begin", "stop_end")
STAGES = ("entity", "rollup", "scope")
# Requests of the Kafka protocol worth cutting.
REQUESTS = {"Produce": 0, "OffsetFetch": 9, "JoinGroup": 11, "SyncGroup": 14, "InitProducerId": 22,
            "AddPartitionsToTxn": 24, "AddOffsetsToTxn": 25, "EndTxn": 26, "TxnOffsetCommit": 28}
BROKER_SESSION = 9  # broker.session.timeout.ms, as Kafka ships it
NEED_START = ("OffsetFetch", "JoinGroup", "SyncGroup", "InitProducerId")

# kind -> how often in a deck
DECK = {"kill_process": 3, "point_work": 7, "point_start": 4, "point_rebalance": 2,
        "point_recovery": 1, "point_stop": 1, "zombie": 1, "zombie_point": 3, "zombie_relay": 1,
        "pause": 1, "request_cut": 5, "cut": 1, "unreachable": 2, "broker_kill": 2, "broker_pause": 1,
        "slow_disk": 1, "wipe": 1, "clock": 2, "process_join_leave": 2, "kill_sink": 2,
        "sink_join_leave": 2, "zombie_sink": 1, "commit_cut": 3, "backends_ended": 2,
        "database_kill": 2}


class Faults:
    def __init__(self, chaos, chance, session_ms):
        self.chaos, self.chance, self.session = chaos, chance, session_ms / 1000
        self.notes = {}     # kind.detail -> how often
        self.stop_seconds = []
        self.progress = None  # waits until the pipeline has got something done; set by the driver

    def deck(self):
        cards = [kind for kind, n in DECK.items() for _ in range(n)]
        self.chance.shuffle(cards)
        return cards

    def run(self, kind):
        self.chaos.tend()
        return getattr(self, kind)()

    def note(self, text):
        self.notes[text] = self.notes.get(text, 0) + 1
        return text

    def moment(self, most=0.4):
        time.sleep(self.chance.random() * most)

    def victim(self, among=None):
        running = [p for p in among or self.chaos.processors if p.wanted]
        return self.chance.choice(running or (among or self.chaos.processors)[:1])

    def until(self, condition, seconds):
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.01)
        return True

    # --- processors ------------------------------------------------------------------------------

    def kill_process(self):
        one = self.victim()
        self.moment()
        one.kill()
        one.start()
        return one.name

    def armed(self, one, points, action="kill", times=3, trigger=None, seconds=10):
        """Starts `one` so that it ends (or freezes) at one of the points; True when it has."""
        stage, point = self.chance.choice(STAGES), self.chance.choice(points)
        nth = self.chance.randrange(1, times + 1)
        if point in ("processed", "restore_record"):
            nth = self.chance.choice((1, 7, 40, 150))
        one.kill()
        one.start(SUJIP_FAULT=f"{stage}.{point}:{nth}:{action}")
        if trigger:
            trigger(one)
        hit = self.until(lambda: one.stopped() if action == "stop" else not one.alive(), seconds)
        self.note(f"{'stop at ' if action == 'stop' else ''}{stage}.{point}"
                  f"{'' if hit else ' not reached'}")
        return hit

    def point(self, points, **more):
        one = self.victim()
        self.armed(one, points, **more)
        one.kill()
        one.start()
        return one.name

    def point_work(self):
        return self.point(WORK, times=8)

    def point_start(self):
        return self.point(START, times=1, seconds=6)

    def point_rebalance(self):
        return self.point(REBALANCE, times=1, trigger=self.rebalance)

    def point_recovery(self):
        """A lane recovers after a cut, and dies in the middle of that."""
        def cut(_):
            self.progress()
            self.chaos.kafka_proxy.say("arm", REQUESTS["TxnOffsetCommit"], "before")
            time.sleep(0.5)
            self.chaos.kafka_proxy.say("stall", self.chance.choice((0.1, 11)))
        return self.point(RECOVERY, times=1, trigger=cut, seconds=20)

    def point_stop(self):
        def stop(one):
            self.progress()
            one.signal(signal.SIGTERM)
        return self.point(STOP, times=1, trigger=stop)

    def rebalance(self, but):
        """Somebody joins, or has joined anew under another name."""
        self.progress()
        others = [p for p in self.chaos.processors if p is not but]
        away = [p for p in others if not p.alive()]
        if away:
            away[0].start()
        else:
            others[-1].stop()
            time.sleep(self.session)  # only then the group knows
            others[-1].start()

    def outlive(self, one):
        """Longer away than a session may be."""
        time.sleep(self.session + 1.0 + self.chance.random() * 2)
        one.signal(signal.SIGCONT)

    def zombie(self):
        one = self.victim()
        self.moment()
        one.signal(signal.SIGSTOP)
        self.outlive(one)
        return one.name

    def zombie_point(self):
        """Frozen at a chosen step, others take over, then it goes on where it stood."""
        one = self.victim()
        hit = self.armed(one, WORK, action="stop", times=6)
        if not hit:
            one.signal(signal.SIGSTOP)
        self.outlive(one)
        return one.name

    def zombie_relay(self):
        """Frozen alone; another comes, works and dies; the group is empty when the first wakes up."""
        one, other = self.chaos.processors[:2]
        for p in self.chaos.processors[1:]:
            p.wanted = False
            p.kill()
        one.kill()
        time.sleep(self.session)
        if not self.armed(one, WORK, action="stop", times=6):
            one.signal(signal.SIGSTOP)
        time.sleep(self.session + 0.5)
        other.start()
        self.progress()
        other.wanted = False
        other.kill()
        time.sleep(self.session + 0.5)
        one.signal(signal.SIGCONT)
        self.moment(2)
        other.start()
        return one.name

    def pause(self):
        one = self.victim()
        one.signal(signal.SIGSTOP)
        time.sleep(self.session * 0.5 * self.chance.random())
        one.signal(signal.SIGCONT)
        return one.name

    def slow_disk(self):
        one = self.victim()
        one.kill()
        one.start(SUJIP_FAULT="before_checkpoint:*:delay=600,after_commit:*:delay=60")
        self.progress()
        self.moment(3)
        one.kill()
        one.start()
        return one.name

    def wipe(self):
        one = self.victim()
        one.kill()
        shutil.rmtree(self.chaos.state_folder(one.name), ignore_errors=True)
        one.start()
        return one.name

    def clock(self):
        one = self.victim(self.chaos.processors + self.chaos.sinks)
        jump = self.chance.choice((-86400 * 400, -86400, -3600, -5, 5, 3000, 7200, 86400 * 40))
        one.set_clock(jump)
        self.note(f"clock {jump:+d} s")
        self.progress()
        if self.chance.random() < 0.5:
            one.kill()
            one.start()
            self.progress()
        one.set_clock(0)
        return one.name

    def process_join_leave(self):
        third = self.chaos.processors[2]
        if third.alive():
            self.stop_seconds.append(third.stop())
        else:
            third.start()
        return third.name

    # --- broker ----------------------------------------------------------------------------------

    def request_cut(self):
        name = self.chance.choice(list(REQUESTS))
        when = self.chance.choice(("before", "after"))
        fired = self.chaos.kafka_proxy.say("arm", REQUESTS[name], when)
        if name in NEED_START:
            self.victim().kill()
            self.chaos.tend()
        hit = self.until(lambda: self.chaos.kafka_proxy.say("fired") > fired, 5)
        return self.note(f"cut {when} {name}{'' if hit else ' not seen'}")

    def cut(self):
        self.chaos.kafka_proxy.say("cut")
        return "all connections"

    def unreachable(self):
        seconds = self.chance.choice((0.5, 2, self.session + 2))
        self.chaos.kafka_proxy.say("stall", seconds)
        time.sleep(seconds)
        return f"{seconds} s"

    def restart_broker(self):
        self.chaos.servers.kill_and_start(KAFKA)
        self.feeder.renew()

    def mend_broker(self):
        """As an operator does: in order, so that nothing is left from before."""
        self.chaos.servers.restart(KAFKA)
        self.feeder.renew()

    def broker_kill(self):
        self.moment()
        # The oracle must know what is in the raw topics. An idempotent producer whose answers are lost in a kill
        # may end with "out of order", or with a record that stands there twice.
        self.feeder.pause()
        self.restart_broker()
        self.feeder.resume()
        return "kill -9"

    def broker_pause(self):
        """The disk of the broker takes its time, or the machine it is on: then it has lost its own session when it wakes up."""
        seconds = self.chance.choice((0.5 + 2 * self.chance.random(), BROKER_SESSION + 2))
        words = self.chaos.servers.said(KAFKA, "status").replace("=", " ").split()
        pid = int(words[words.index("pid") + 1])
        os.kill(pid, signal.SIGSTOP)
        try:
            time.sleep(seconds)
        finally:
            os.kill(pid, signal.SIGCONT)
        return self.note(f"broker paused {'beyond its session' if seconds > BROKER_SESSION else 'for a moment'}")

    # --- sinks and database ----------------------------------------------------------------------

    def kill_sink(self):
        one = self.victim(self.chaos.sinks)
        self.moment()
        one.kill()
        one.start()
        return one.name

    def sink_join_leave(self):
        second = self.chaos.sinks[1]
        if second.alive():
            self.stop_seconds.append(second.stop())
        else:
            second.start()
        return second.name

    def zombie_sink(self):
        """Frozen until another sink has its partitions, then it goes on with what it has in hand."""
        for one in self.chaos.sinks:
            if not one.alive():
                one.start()
        one = self.chance.choice(self.chaos.sinks)
        self.progress()
        one.signal(signal.SIGSTOP)
        owner = f"{one.name}@%"
        taken = self.until(lambda: self.chaos.sql(
            f"select count(*) from sujip.sink_progress where owner like '{owner}'")[0][0] == 0, 30)
        one.signal(signal.SIGCONT)
        return self.note("zombie sink" + ("" if taken else " kept its partitions"))

    def commit_cut(self):
        when = self.chance.choice(("before", "after"))
        fired = self.chaos.pg_proxy.say("arm", "commit", when)
        hit = self.until(lambda: self.chaos.pg_proxy.say("fired") > fired, 5)
        return self.note(f"cut {when} COMMIT{'' if hit else ' not seen'}")

    def backends_ended(self):
        for _ in range(3):
            self.chaos.sql("select count(pg_terminate_backend(pid)) from pg_stat_activity"
                           " where application_name like 'sujip sink%'")
            self.moment(0.2)
        return "3 times"

    def database_kill(self):
        self.moment()
        self.chaos.servers.kill_and_start(POSTGRES)
        return "kill -9"

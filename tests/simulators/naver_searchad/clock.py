"""The simulator's own time: runs like the real clock, but can be set and pushed forward."""

import datetime as dt
import time

KST = dt.timezone(dt.timedelta(hours=9), "KST")
UTC = dt.timezone.utc


def parse_instant(text):
    """ISO 8601 to an aware datetime. A time without a zone is KST."""
    value = dt.datetime.fromisoformat(str(text).strip().replace("Z", "+00:00"))
    return value if value.tzinfo else value.replace(tzinfo=KST)


class Clock:
    """Wall time plus an offset, so that it keeps running after it was set."""

    def __init__(self, start=None):
        self._offset = 0.0
        if start is not None:
            self.set(start)

    def set(self, instant):
        self._offset = instant.timestamp() - time.time()

    def advance(self, seconds):
        self._offset += float(seconds)

    def timestamp(self):
        return time.time() + self._offset

    def now(self):
        return dt.datetime.fromtimestamp(self.timestamp(), UTC)

    def now_kst(self):
        return self.now().astimezone(KST)

    def today(self):
        """The KST day, which is the day of every report."""
        return self.now_kst().date()


def utc_text(instant, millis=False):
    instant = instant.astimezone(UTC)
    if millis:
        return instant.strftime("%Y-%m-%dT%H:%M:%S.") + f"{instant.microsecond // 1000:03d}Z"
    return instant.strftime("%Y-%m-%dT%H:%M:%SZ")


def day_start_utc(day):
    """KST midnight of a day, written in UTC as the vendor does."""
    return utc_text(dt.datetime(day.year, day.month, day.day, tzinfo=KST))

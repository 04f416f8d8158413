"""Day rows of every account: the truth that the reports are cut from.

Costs are held in tenths of a won (int), so that the half won of old days stay exact.
"""

import datetime as dt
import random

VAT_DAY = dt.date(2026, 3, 30)  # from this statDt on: whole won with VAT
MEDIA = {"P": ("8753", "33421"), "M": ("27758", "33421")}
REPORTS = ("AD", "AD_CONVERSION", "EXPKEYWORD")
CONV_TYPES = ("purchase", "add_to_cart", "sign_up", "lead", "custom001", "view_content")

# key = columns 1-9 of the file (date, customer, campaign, group, keyword, ad, channel, media,
# device); AD values = [imp, click, cost_tenths, rank_sum, views]; conversion key adds
# (method, type), values = [count, sales].


def billed(net_tenths, day):
    """Cost as the report of this day states it, in tenths."""
    if day < VAT_DAY:
        return net_tenths
    return (net_tenths * 11 // 10 + 5) // 10 * 10  # with VAT, rounded half up to a won


def cost_text(tenths, day):
    """As the file writes it: a double before the VAT change, an integer after."""
    return f"{tenths // 10}.{tenths % 10}" if day < VAT_DAY else str(tenths // 10)


def plain(tenths):
    return f"{tenths // 10}.{tenths % 10}" if tenths % 10 else str(tenths // 10)


class Data:
    def __init__(self, world):
        self._world = world
        self._days = {}
        self.restated = set()

    def day(self, account, day):
        """(AD rows, AD_CONVERSION rows) as dicts by key; empty before the first day."""
        key = (account.customer, day)
        if key not in self._days:
            if account.kind in ("paused", "owner") or day < self._world.first_day:
                self._days[key] = ({}, {})
            else:
                self._days[key] = self._make(account, day)
        return self._days[key]

    def _make(self, account, day):
        rng = random.Random(f"{self._world.seed}|{account.customer}|{day}")
        ad, conversions = {}, {}
        busy = 0.55 if day.weekday() >= 5 else 0.8
        for campaign in account.campaigns:
            stopped = campaign.stops is not None and day >= campaign.stops
            if stopped and (day - campaign.stops).days >= 20:
                continue
            for group in campaign.groups:
                for place in self._places(account, campaign, group, day):
                    delivered = not stopped and rng.random() < busy
                    values = self._delivery(rng, campaign, day) if delivered else None
                    if values:
                        ad[place] = values
                    self._convert(rng, conversions, place, values)
        return ad, conversions

    @staticmethod
    def _places(account, campaign, group, day):
        date = day.strftime("%Y%m%d")
        keywords = [k.id for k in group.keywords[:6]] or ["-"]
        for n, keyword in enumerate(keywords):
            for m, ad in enumerate(group.ads):
                if len(keywords) > 1 and (n + m) % 2 and m:
                    continue  # not every ad runs on every keyword
                for device in "PM":
                    for media in MEDIA[device][: 1 if keyword != "-" else 2]:
                        yield (date, str(account.customer), campaign.id, group.id, keyword, ad,
                               campaign.channel, media, device)

    @staticmethod
    def _delivery(rng, campaign, day):
        imp = int(rng.lognormvariate(4.5, 1.1)) + 1
        click = sum(rng.random() < 0.03 for _ in range(min(imp, 400)))
        net = 0
        if campaign.type != "BRAND_SEARCH":  # prepaid: every performance report says 0
            net = sum(rng.randrange(140, 2400) * 5 for _ in range(click))
        rank = imp * 10 + rng.randrange(imp * 40)
        views = rng.randrange(imp) if campaign.type == "POWER_CONTENTS" and imp > 3 else 0
        return [imp, click, billed(net, day), rank // 10, views]

    @staticmethod
    def _convert(rng, conversions, place, values):
        clicks = values[1] if values else 0
        # Booked on the day of the conversion: also without any click or impression that day.
        if rng.random() >= (0.22 if clicks else 0.02):
            return
        for _ in range(rng.choice((1, 1, 2))):
            method = 2 if not clicks else rng.choice((1, 1, 2))
            kind = rng.choice(CONV_TYPES[:2] + CONV_TYPES)
            count = rng.choice((1, 1, 1, 2, 3))
            worth = kind in ("purchase", "add_to_cart")
            sales = count * rng.randrange(50, 900) * 100 if worth else 0
            slot = conversions.setdefault(place + (str(method), kind), [0, 0])
            slot[0] += count
            slot[1] += sales

    def search_terms(self, account, day):
        """EXPKEYWORD: powerlink only; a key may stand on several lines, to be summed."""
        ad, _ = self.day(account, day)
        types = {c.id: c.type for c in account.campaigns}
        texts = {k.id: k.text for c in account.campaigns for g in c.groups for k in g.keywords}
        lines = []
        for key, (imp, click, cost, _, views) in ad.items():
            if types[key[2]] != "WEB_SITE":
                continue
            head = key[:4] + (texts.get(key[4], "-"), key[7], key[8], "0")
            unit = 5 if day < VAT_DAY else 10
            half_cost = cost // unit // 2 * unit
            first = [imp // 2, click // 2, half_cost if click >= 2 else 0, 0]
            rest = [imp - first[0], click - first[1], cost - first[2], views]
            if first[0] == 0:
                lines.append((head, rest))
            elif imp % 3 == 0:
                lines += [(head, first), (head, rest)]
            else:
                wider = head[:4] + (head[4] + " 추천",) + head[5:7] + ("1",)
                lines += [(head, rest), (wider, first)]
        return lines

    def tsv(self, account, report, day):
        """The file's text and its measures. No header, no quoting."""
        ad, conversions = self.day(account, day)
        lines = []
        if report == "AD":
            for key, v in sorted(ad.items()):
                lines.append((*key, v[0], v[1], cost_text(v[2], day), v[3], v[4]))
        elif report == "AD_CONVERSION":
            for key, v in sorted(conversions.items()):
                lines.append((*key, v[0], v[1]))
        else:
            for key, v in self.search_terms(account, day):
                lines.append((*key, v[0], v[1], cost_text(v[2], day), v[3]))
        text = "".join("\t".join(str(c) for c in line) + "\n" for line in lines)
        return text, self.measures(account, report, day)

    def measures(self, account, report, day):
        ad, conversions = self.day(account, day)
        if report == "AD":
            return ad_measures(ad.values())
        if report == "AD_CONVERSION":
            return conversion_measures(conversions.values())
        return ad_measures([v for _, v in self.search_terms(account, day)])

    def keyword_level(self, account, day):
        """Rows that have a keyword, rolled up to it."""
        ad, conversions = self.day(account, day)
        ad = {k: v for k, v in ad.items() if k[4] != "-"}
        conversions = {k: v for k, v in conversions.items() if k[4] != "-"}
        keys = list(ad) + list(conversions)
        out = {"keywords": len({k[2:5] for k in keys}),
               "keyword_devices": len({k[2:5] + (k[8],) for k in keys})}
        out.update(ad_measures(ad.values()))
        out.update(conversion_measures(conversions.values()))
        del out["rows"]
        return out

    def joined(self, account, day):
        """Counts of the full outer join of both reports, on several grains."""
        ad, conversions = self.day(account, day)
        keys = list(ad) + [k[:9] for k in conversions]
        return {"rows": len(set(keys)), "campaigns": len({k[2] for k in keys}),
                "ad_groups": len({k[3] for k in keys}),
                "keyword_groups": len({k[2:5] for k in keys}),
                "keyword_group_devices": len({k[2:5] + (k[8],) for k in keys})}

    def restate(self, account, day, seed):
        """Alters up to 3 AD rows, removes one, adds one; alters one conversion row."""
        ad, conversions = (dict(part) for part in self.day(account, day))
        rng = random.Random(f"restate|{seed}|{account.customer}|{day}")
        keys = sorted(ad)
        rng.shuffle(keys)
        changes = {"AD": {"altered": [], "removed": [], "added": []},
                   "AD_CONVERSION": {"altered": [], "removed": [], "added": []}}
        if keys:
            gone = keys.pop()
            del ad[gone]
            changes["AD"]["removed"].append(list(gone))
            for key in keys[:3]:
                imp, click, cost, rank, views = ad[key]
                extra = rng.randrange(1, 4)
                paid = cost and rng.randrange(70, 900) * 10 * extra
                ad[key] = [imp + 7 * extra, click + extra, cost + paid, rank + 9 * extra, views]
                changes["AD"]["altered"].append(list(key))
            fresh = next(gone[:7] + (media, gone[8]) for media in map(str, range(90001, 99999))
                         if gone[:7] + (media, gone[8]) not in ad)
            ad[fresh] = [rng.randrange(20, 90), 1, rng.randrange(70, 900) * 10, 95, 0]
            changes["AD"]["added"].append(list(fresh))
        if conversions:
            key = rng.choice(sorted(conversions))
            count, sales = conversions[key]
            conversions[key] = [count + 1, sales + (sales and rng.randrange(10, 500) * 100)]
            changes["AD_CONVERSION"]["altered"].append(list(key))
        self._days[(account.customer, day)] = (ad, conversions)
        self.restated.add((account.customer, day))
        return changes


def ad_measures(values):
    values = list(values)
    return {"rows": len(values), "impressions": sum(v[0] for v in values),
            "clicks": sum(v[1] for v in values), "cost": plain(sum(v[2] for v in values))}


def conversion_measures(values):
    values = list(values)
    return {"rows": len(values), "conversions": sum(v[0] for v in values),
            "conversion_sales": str(sum(v[1] for v in values))}


def add_measures(total, part):
    """Adds measures; decimals travel as text and stay exact."""
    for name, value in part.items():
        if isinstance(value, str):
            total[name] = plain(_tenths(total.get(name, "0")) + _tenths(value))
        elif isinstance(value, int) and not isinstance(value, bool):
            total[name] = total.get(name, 0) + value
    return total


def _tenths(text):
    whole, _, rest = text.partition(".")
    return int(whole) * 10 + int(rest or 0)

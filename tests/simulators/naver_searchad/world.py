"""The made-up agency: its key owner, client accounts and their campaigns, all from the seed."""

import dataclasses
import datetime as dt
import random

from .clock import KST, utc_text

MANAGER_NO = 5100001
FIRST_ACCOUNT_NO = 7000001
FIRST_CUSTOMER = 1234567
CUSTOMER_STEP = 101

TYPE_CODES = {"WEB_SITE": 1, "SHOPPING": 2, "POWER_CONTENTS": 3, "BRAND_SEARCH": 4, "PLACE": 6}
GROUP_TYPES = {
    "WEB_SITE": "WEB_SITE",
    "SHOPPING": "SHOPPING",
    "POWER_CONTENTS": "INFORMATION",
    "BRAND_SEARCH": "BRAND_SEARCH",
    "PLACE": "PLACE",
}
TYPE_NAMES = {
    "WEB_SITE": "파워링크",
    "SHOPPING": "쇼핑검색",
    "POWER_CONTENTS": "파워컨텐츠",
    "BRAND_SEARCH": "브랜드검색",
    "PLACE": "플레이스",
}
FIRST_NAMES = ["데모", "한빛", "푸른", "새봄", "온누리", "가람", "다솜", "라온", "마루", "별하"]
LAST_NAMES = ["상점", "가구", "전자", "식품", "문구", "화장품", "스포츠", "서점", "유아", "여행"]
WORDS = ["노트북", "의자", "책상", "운동화", "커피", "텐트", "가방", "이어폰", "화분", "우산"]
TAILS = ["추천", "가격", "할인", "비교", "후기", "세트", "도매", "브랜드", "온라인", "당일배송"]
LONG_TAIL_KEYWORDS = 1203  # more than one page of /ncc/keywords


@dataclasses.dataclass
class Keyword:
    id: str
    text: str
    bid: int


@dataclasses.dataclass
class AdGroup:
    id: str
    name: str
    type: str
    bid: int
    ads: list
    keywords: list
    user_lock: bool = False


@dataclasses.dataclass
class Campaign:
    id: str
    name: str
    type: str
    daily_budget: int
    channel: str
    groups: list
    user_lock: bool = False
    stops: dt.date = None  # first day without delivery; conversions may go on
    deleted: bool = False  # no longer listed, old rows stay


@dataclasses.dataclass
class Account:
    index: int
    number: int
    customer: int
    name: str
    kind: str  # active, paused, lost, owner
    bizmoney: int
    budget_lock: bool
    created: str
    campaigns: list


class World:
    def __init__(self, seed, accounts, first_day, owner_customer, lost_account=False):
        self.seed = seed
        self.first_day = first_day
        self.owner_customer = owner_customer
        self.stop_day = first_day + dt.timedelta(days=20)
        kinds = ["active"] * accounts
        if accounts >= 2:
            kinds[min(6, accounts - 1)] = "paused"
        if lost_account and accounts >= 3:
            kinds[min(12, accounts - 2)] = "lost"
        self.children = [self._account(i, kind) for i, kind in enumerate(kinds)]
        self.by_customer = {a.customer: a for a in self.children}
        self.owner = Account(
            -1, 6900001, owner_customer, "수집 대행사", "owner", 0, False, self._created(-1), []
        )

    def find(self, customer):
        return self.owner if customer == self.owner_customer else self.by_customer.get(customer)

    def _random(self, *parts):
        return random.Random("|".join(str(p) for p in (self.seed, *parts)))

    def _created(self, index):
        day = dt.datetime(2025, 1, 2, 12, 4, 5, tzinfo=KST) + dt.timedelta(days=3 * index + 3)
        return utc_text(day, millis=True)

    def _account(self, index, kind):
        rng = self._random("account", index)
        name = FIRST_NAMES[index % 10] + LAST_NAMES[(index + index // 10) % 10]
        account = Account(
            index=index,
            number=FIRST_ACCOUNT_NO + index,
            customer=FIRST_CUSTOMER + CUSTOMER_STEP * index,
            name=name if index < 100 else f"{name} {index}",
            kind=kind,
            bizmoney=0 if index == 3 else rng.randrange(5_000, 9_000_000),
            budget_lock=index == 3,
            created=self._created(index),
            campaigns=[],
        )
        types = ["WEB_SITE", "SHOPPING", "BRAND_SEARCH"]
        types += rng.sample(["WEB_SITE", "POWER_CONTENTS", "PLACE"], rng.choice([1, 2]))
        serial = index * 100_000
        for number, campaign_type in enumerate(types):
            campaign, serial = self._campaign(account, number, campaign_type, serial, rng)
            account.campaigns.append(campaign)
        return account

    def _campaign(self, account, number, campaign_type, serial, rng):
        code = TYPE_CODES[campaign_type]

        def next_id(kind, type_code=code):
            nonlocal serial
            serial += 1
            return f"{kind}-a001-{type_code:02d}-{serial:015d}"

        campaign = Campaign(
            id=next_id("cmp"),
            name=f"{account.name} {TYPE_NAMES[campaign_type]} {number + 1}",
            type=campaign_type,
            daily_budget=rng.randrange(1, 40) * 10_000,
            channel=next_id("bsn", 0),
            groups=[],
            user_lock=account.kind == "paused",
        )
        if account.kind == "active" and number == 1 and account.index % 4 == 1:
            campaign.user_lock, campaign.stops = True, self.stop_day
        if account.kind == "active" and number == 1 and account.index == 5:
            campaign.user_lock, campaign.stops, campaign.deleted = False, self.stop_day, True
        for group_number in range(1 if campaign_type == "BRAND_SEARCH" else rng.choice([1, 2])):
            group = AdGroup(
                id=next_id("grp"),
                name=f"{rng.choice(WORDS)} 그룹 {group_number + 1}",
                type=GROUP_TYPES[campaign_type],
                bid=rng.randrange(7, 300) * 10,
                ads=[next_id("nad") for _ in range(rng.choice([1, 2]))],
                keywords=[],
            )
            if campaign_type in ("WEB_SITE", "POWER_CONTENTS"):
                count = rng.randrange(3, 7)
                if account.index == 1 and number == 0 and group_number == 0:
                    count = LONG_TAIL_KEYWORDS
                for k in range(count):
                    text = f"{WORDS[rng.randrange(10)]}{TAILS[rng.randrange(10)]}"
                    if k == 0:
                        text = f'{rng.choice([13, 15, 27])}"{text}'  # an inch mark, literally
                    elif k >= 6:
                        text += str(k)
                    group.keywords.append(
                        Keyword(next_id("nkw"), text, rng.randrange(7, 900) * 10)
                    )
            campaign.groups.append(group)
        return campaign, serial

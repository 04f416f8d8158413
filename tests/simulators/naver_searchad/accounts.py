"""Account lists, balance, campaigns, ad groups and keywords."""

from aiohttp import web

from . import errors
from .world import MANAGER_NO

SPRING_SORT = {"sorted": False, "unsorted": True, "empty": True}


def _number(request, name, default, low, high):
    text = request.query.get(name)
    if text is None or text == "":
        return default
    if not (text.isascii() and text.isdigit()) or not low <= int(text) <= high:
        raise errors.coded(errors.BAD_PARAMETER)
    return int(text)


def spring_page(request, items, off_by_one=False):
    number = _number(request, "page", 0, 0, 10**9)
    if request.get("repeat_page"):
        number = 0
    size = _number(request, "size", 20, 1, 1000)
    content = items[number * size:(number + 1) * size]
    total = len(items)
    pages = (total + size - 1) // size
    return errors.json_response({
        "content": content, "number": number, "size": size,
        "totalElements": total + 1 if off_by_one else total, "totalPages": pages,
        "numberOfElements": len(content), "first": number == 0, "last": number + 1 >= pages,
        "empty": not content, "sort": SPRING_SORT,
        "pageable": {"offset": number * size, "pageNumber": number, "pageSize": size,
                     "paged": True, "unpaged": False, "sort": SPRING_SORT},
    })


def ncc_page(request, items, id_name, missing_code):
    """recordSize and baseSearchId: rows after the row with that id."""
    size = _number(request, "recordSize", 1000, 1, 1000)
    base = request.query.get("baseSearchId")
    start = 0
    if base and not request.get("repeat_page"):
        places = [n for n, item in enumerate(items) if item[id_name] == base]
        if not places:
            raise errors.entity_missing(missing_code, base, 400)
        start = places[0] + 1
    return errors.json_response(items[start:start + size])


class Accounts:
    def __init__(self, world, off_by_one=False):
        self._world = world
        self._off_by_one = off_by_one

    def routes(self):
        return [
            web.get("/ad-accounts", self.ad_accounts),
            web.get("/ad-accounts/{number}/members", self.members),
            web.get("/manager-accounts", self.managers),
            web.get("/manager-accounts/{number}/child-ad-accounts", self.children),
            web.get("/billing/bizmoney", self.bizmoney),
            web.get("/ncc/campaigns", self.campaigns),
            web.get("/ncc/adgroups", self.adgroups),
            web.get("/ncc/keywords", self.keywords),
        ]

    def _owner_only(self, request):
        if request["account"] is not self._world.owner:
            raise errors.no_permission()

    async def ad_accounts(self, request):
        self._owner_only(request)
        owner = self._world.owner
        return spring_page(request, [{
            "adAccountNo": owner.number, "roleName": "OWNER", "naverId": "agen***",
            "createdAt": owner.created, "favorite": False, "lastAccessTime": owner.created,
            "adAccount": {
                "no": owner.number, "name": owner.name, "masterCustomerId": owner.customer,
                "currency": "KRW", "country": "KR", "timezone": "Asia/Seoul",
                "timezoneId": "Asia/Seoul", "disabled": False, "deleted": False,
                "deletedAt": None, "penalty": {"penalized": False},
                "createdAt": owner.created, "updatedAt": owner.created,
            },
        }])

    async def members(self, request):
        self._owner_only(request)
        if request.match_info["number"] != str(self._world.owner.number):
            raise errors.not_found(request.path)
        return errors.json_response([{"naverId": "agen***", "roleName": "OWNER"}])

    async def managers(self, request):
        self._owner_only(request)
        return spring_page(request, [{
            "managerAccountNo": MANAGER_NO, "managerAccountName": self._world.owner.name,
            "roleName": "OWNER", "naverId": "agen***", "createdAt": self._world.owner.created,
        }])

    async def children(self, request):
        self._owner_only(request)
        if request.match_info["number"] != str(MANAGER_NO):
            raise errors.not_found(request.path)
        return spring_page(request, [{
            "adAccountNo": a.number, "adAccountName": a.name, "customerId": a.customer,
            "accountRole": "READ_ONLY" if a.index % 3 else "MASTER",
            "ownerNaverId": f"demo{a.index:02d}***",
        } for a in self._world.children], self._off_by_one)

    async def bizmoney(self, request):
        account = request["account"]
        return errors.json_response({
            "customerId": account.customer, "bizmoney": account.bizmoney,
            "budgetLock": account.budget_lock, "refundLock": False,
        })

    async def campaigns(self, request):
        account = request["account"]
        wanted = request.query.get("campaignType")
        return ncc_page(request, [
            campaign_json(account, c) for c in account.campaigns
            if not c.deleted and wanted in (None, "", c.type)
        ], "nccCampaignId", 3501)

    async def adgroups(self, request):
        account = request["account"]
        wanted = request.query.get("nccCampaignId")
        campaigns = [c for c in account.campaigns if not c.deleted and wanted in (None, c.id)]
        if wanted is not None and not campaigns:
            raise errors.entity_missing(3501, wanted)
        return ncc_page(request, [
            adgroup_json(account, c, g) for c in campaigns for g in c.groups
        ], "nccAdgroupId", 3701)

    async def keywords(self, request):
        account = request["account"]
        wanted = request.query.get("nccAdgroupId")
        if not wanted:
            raise errors.coded(errors.BAD_PARAMETER)
        for c in account.campaigns:
            for g in c.groups:
                if g.id == wanted and not c.deleted:
                    return ncc_page(request, [
                        keyword_json(account, c, g, k) for k in g.keywords
                    ], "nccKeywordId", 3901)
        raise errors.entity_missing(3701, wanted)


def campaign_json(account, c):
    out = {
        "nccCampaignId": c.id, "customerId": account.customer, "name": c.name,
        "campaignTp": c.type, "userLock": c.user_lock, "useDailyBudget": True,
        "dailyBudget": c.daily_budget, "deliveryMethod": "ACCELERATED", "usePeriod": False,
        "periodStartDt": None, "periodEndDt": None,
        "status": "PAUSED" if c.user_lock else "ELIGIBLE", "trackingMode": "TRACKING_DISABLED",
        "sharedBudgetId": None, "sharedBudgetLock": False, "sharedDailyBudget": 0,
        "regTm": account.created, "editTm": account.created,
    }
    if c.user_lock:
        out["statusReason"] = "CAMPAIGN_PAUSED"
    return out


def adgroup_json(account, c, g):
    out = {
        "nccAdgroupId": g.id, "nccCampaignId": c.id, "customerId": account.customer,
        "name": g.name, "adgroupType": g.type, "bidAmt": g.bid, "userLock": g.user_lock,
        "useDailyBudget": False, "dailyBudget": 0, "budgetLock": False,
        "status": "PAUSED" if c.user_lock else "ELIGIBLE",
        "regTm": account.created, "editTm": account.created,
    }
    if c.user_lock:
        out["statusReason"] = "CAMPAIGN_PAUSED"
    return out


def keyword_json(account, c, g, k):
    return {
        "nccKeywordId": k.id, "nccAdgroupId": g.id, "nccCampaignId": c.id,
        "customerId": account.customer, "keyword": k.text, "bidAmt": k.bid,
        "useGroupBidAmt": False, "userLock": False, "inspectStatus": "APPROVED",
        "status": "PAUSED" if c.user_lock else "ELIGIBLE",
        "regTm": account.created, "editTm": account.created,
    }

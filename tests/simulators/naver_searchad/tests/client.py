"""A plain client with its own signature code: the oracle must not share the server's."""

import base64
import hashlib
import hmac
import http.client
import json
import time
import urllib.parse

LICENCE = "0100000000a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c"
SECRET = "AQAAAABkZW1vLWFnZW5jeS1zZWNyZXQtbm90LXJlYWw9PQ=="
OWNER = 1000001


class Answer:
    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers
        self.text = body.decode("utf-8")

    @property
    def json(self):
        return json.loads(self.text)


class Client:
    def __init__(self, base, licence=LICENCE, secret=SECRET):
        self.base = base
        self.address = urllib.parse.urlsplit(base).netloc
        self.licence = licence
        self.secret = secret

    def raw(self, method, target, headers=(), body=None, timeout=20):
        connection = http.client.HTTPConnection(self.address, timeout=timeout)
        try:
            connection.putrequest(method, target)
            for name, value in headers:
                connection.putheader(name, value)
            data = body.encode() if body is not None else None
            if data is not None:
                connection.putheader("Content-Length", str(len(data)))
            connection.endheaders(data)
            answer = connection.getresponse()
            return Answer(answer.status, answer.headers, answer.read())
        finally:
            connection.close()

    def headers(self, method, path, customer, timestamp=None):
        timestamp = str(timestamp if timestamp is not None else int(time.time() * 1000))
        mac = hmac.new(self.secret.encode(), f"{timestamp}.{method}.{path}".encode(),
                       hashlib.sha256)
        return [("X-Timestamp", timestamp), ("X-API-KEY", self.licence),
                ("X-Customer", str(customer)),
                ("X-Signature", base64.b64encode(mac.digest()).decode())]

    def call(self, method, target, customer=OWNER, body=None, timestamp=None, **more):
        headers = self.headers(method, target.split("?")[0], customer, timestamp)
        if body is not None:
            headers.append(("Content-Type", "application/json"))
            body = json.dumps(body)
        return self.raw(method, target, headers, body, **more)

    def get(self, target, customer=OWNER, **more):
        return self.call("GET", target, customer, **more)

    def sim(self, target, body=None, method=None):
        answer = self.raw(method or ("GET" if body is None else "POST"), "/_sim/" + target, (),
                          None if body is None else json.dumps(body))
        assert answer.status == 200, answer.text
        return answer.json

    def post_job(self, customer, day, report="AD"):
        return self.call("POST", "/stat-reports", customer,
                         {"reportTp": report, "statDt": day.replace("-", "")})

    def finish_job(self, customer, day, report="AD", polls=5):
        job = self.post_job(customer, day, report).json
        for _ in range(polls):
            job = self.get(f"/stat-reports/{job['reportJobId']}", customer).json
            if job["status"] in ("BUILT", "NONE", "ERROR"):
                break
        return job

    def download(self, customer, job, timestamp=None):
        target = job["downloadUrl"].removeprefix(self.base)
        return self.get(target, customer, timestamp=timestamp)

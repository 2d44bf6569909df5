"""Signatures of AWS by botocore, the reference of `auth/sigv4.rs`.

pip install botocore==1.44.5 && python generate_sigv4.py > sigv4.json
"""

import datetime
import json

import botocore
from botocore import auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

KEY = "AKIDEXAMPLE"
SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
AT = datetime.datetime(2026, 3, 1, 9, 5, 7)
HOST = "https://aps-workspaces.eu-west-1.amazonaws.com"
FORM = "application/x-www-form-urlencoded"


CASES = [
    ("GET", "/workspaces/ws-1/api/v1/query", "query=up", "", "", ""),
    ("GET", "/workspaces/ws-1/api/v1/query", "query=up%7Ba%3D%22b%20c%22%7D&time=1.5", "", "", "session/+="),
    ("GET", "/workspaces/ws-1/api/v1/labels", "start=2&match%5B%5D=b&match%5B%5D=a&end=3", "", "", ""),
    ("GET", "/workspaces/ws-1/api/v1/label/a%20b%2Fc/values", "", "", "", ""),
    ("POST", "/workspaces/ws-1/api/v1/query_range", "", FORM, "query=rate%28x%5B5m%5D%29&start=1&end=2&step=1", ""),
    ("POST", "/workspaces/ws-1/api/v1/remote_write", "", "application/x-protobuf", "\x00\x01\x02 body", "token"),
    ("GET", "/a/./b/../c//d/", "", "", "", ""),
]


def main():
    auth.get_current_datetime = lambda: AT
    cases = []
    for method, path, query, kind, body, token in CASES:
        url = HOST + path + ("?" + query if query else "")
        headers = {"Content-Type": kind} if kind else {}
        request = AWSRequest(method=method, url=url, headers=headers, data=body.encode("latin-1"))
        credentials = Credentials(KEY, SECRET, token or None)
        auth.SigV4Auth(credentials, "aps", "eu-west-1").add_auth(request)
        assert request.headers["X-Amz-Date"] == "20260301T090507Z", request.headers["X-Amz-Date"]
        cases.append(
            {
                "method": method,
                "path": path,
                "query": query,
                "content_type": kind,
                "body": body,
                "session_token": token,
                "authorization": request.headers["Authorization"],
            }
        )
    print(json.dumps({"botocore": botocore.__version__, "cases": cases}, indent=1))


main()

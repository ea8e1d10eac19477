"""Reads requests, one JSON object a line, and answers each with a line."""

import json
import os
import sys
import tempfile

try:
    import psycopg2
    from psycopg2.extensions import parse_dsn
except ImportError:
    sys.exit(3)


def connect(parameters, line):
    with tempfile.NamedTemporaryFile("w", encoding="utf-8") as passfile:
        os.fchmod(passfile.fileno(), 0o600)
        passfile.write(line)
        passfile.flush()
        try:
            psycopg2.connect(passfile=passfile.name, **parameters).close()
        except psycopg2.OperationalError:
            pass  # nobody is let in: it is the password that counts


for line in sys.stdin.buffer:
    request = json.loads(line)
    if "parse" in request:
        answer = parse_dsn(request["parse"])
    elif "json" in request:
        answer = {key: str(value) for key, value in json.loads(request["json"]).items()}
    else:
        answer = connect(request["connect"], request["passfile"])
    print(json.dumps(answer))

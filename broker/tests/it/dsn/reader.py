"""Reads requests, one JSON object a line, and answers each with a line."""

import ctypes
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


NOT_SAID = "(not said)"
VARIABLES = (
    "HOST PORT USER PASSWORD DATABASE SSLMODE SSLROOTCERT CHANNELBINDING TARGETSESSIONATTRS CONNECT_TIMEOUT APPNAME"
    " HOSTADDR PASSFILE OPTIONS SSLCERT SSLKEY SSLCRL KRBSRVNAME GSSLIB GSSENCMODE"
).split()


class Option(ctypes.Structure):
    """libpq's `PQconninfoOption`."""

    _fields_ = [(name, ctypes.c_char_p) for name in ("keyword", "envvar", "compiled", "val", "label", "dispchar")]
    _fields_.append(("dispsize", ctypes.c_int))


def service(text):
    libpq = ctypes.CDLL("libpq.so.5")
    libpq.PQconndefaults.restype = ctypes.POINTER(Option)
    libpq.PQconninfoFree.argtypes = [ctypes.POINTER(Option)]
    with tempfile.NamedTemporaryFile("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.environ |= {"PGSERVICE": "dsn", "PGSERVICEFILE": file.name}
        # It goes before these.
        os.environ |= {f"PG{name}": NOT_SAID for name in VARIABLES}
        options = libpq.PQconndefaults()
    assert options, "libpq refuses the file"
    read, number = {}, 0
    while options[number].keyword is not None:
        option, number = options[number], number + 1
        variable = (option.envvar or b"").decode()
        if os.environ.get(variable) == NOT_SAID and option.val.decode() != NOT_SAID:
            read[option.keyword.decode()] = option.val.decode()
    libpq.PQconninfoFree(options)
    return read


for line in sys.stdin.buffer:
    request = json.loads(line)
    if "parse" in request:
        answer = parse_dsn(request["parse"])
    elif "service" in request:
        answer = service(request["service"])
    elif "json" in request:
        answer = {key: str(value) for key, value in json.loads(request["json"]).items()}
    else:
        answer = connect(request["connect"], request["passfile"])
    print(json.dumps(answer))

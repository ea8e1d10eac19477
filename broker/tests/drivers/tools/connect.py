"""Opens a session for each case with psql, mariadb or mysql, as the lines that came with it say, and asks whose it is.

Reads a JSON array of cases, and writes a JSON object a line: see tests/it/drivers.rs. LIBPQ is the folder of the libpq
that psql is to use, if it is not the system's.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

# Tools read what is asked from their input; as it stands there are no parameters, and each question is a transaction.
WHO = {
    "postgres": "\\copy (select json_build_object('user', current_user, 'encrypted', ssl) from pg_stat_ssl"
    " where pid = pg_backend_pid()) to stdout\n",
    "mysql": "select json_object('user', substring_index(current_user(), '@', 1), 'encrypted',"
    " (select variable_value <> '' from information_schema.session_status where variable_name = 'Ssl_cipher'));\n",
}
# How often it is asked through a pooler.
TIMES = 10

KEPT = ("PATH", "LD_PRELOAD", "NSS_WRAPPER_HOSTS")


def conninfo(parameters):
    """What a password file is used with: all but the password."""
    said = {key: value for key, value in parameters.items() if key not in ("password", "ca_pem")}
    quoted = {key: str(value).replace("\\", "\\\\").replace("'", "\\'") for key, value in said.items()}
    return " ".join(f"{key}='{value}'" for key, value in quoted.items())


def run(case):
    folder = tempfile.mkdtemp(dir=FOLDER)
    file = os.path.join(folder, "dsn")
    with open(os.open(file, os.O_CREAT | os.O_WRONLY, 0o600), "w") as saved:
        saved.write(case["dsn"])
    code = case["code"].replace("/path/where/you/saved/it", file)
    # What is to be filled in.
    code = re.sub("'host=….*'", '"$rest"', code)
    environment = {name: os.environ[name] for name in KEPT if name in os.environ}
    environment |= {"HOME": folder, "dsn": case["dsn"], "rest": conninfo(case["parameters"])}
    if "LIBPQ" in os.environ:
        environment["LD_LIBRARY_PATH"] = os.environ["LIBPQ"]
    times = TIMES if case["pooled"] else 1
    # In a session of its own there is no terminal to ask for a password.
    said = subprocess.run(
        ["sh", "-euc", code],
        input=WHO[case["protocol"]] * times,
        env=environment,
        capture_output=True,
        text=True,
        start_new_session=True,
    )
    answers = [json.loads(line) for line in said.stdout.splitlines() if line.startswith("{")]
    if said.returncode != 0 or not answers:
        return {"error": said.stderr or f"nothing was said, and it ended with {said.returncode}"}
    user, encrypted = answers[-1]["user"], all(int(answer["encrypted"]) for answer in answers)
    return {"user": user, "encrypted": encrypted, "asked": len(answers)}


def missing(case):
    """Why the client that is meant is not here."""
    if case["format"] != "mysql-cnf":
        return None
    version = subprocess.run(["mysql", "--version"], capture_output=True, text=True).stdout
    return "the program mysql is MariaDB's here" if "MariaDB" in version else None


def outcome(case):
    why = missing(case)
    return {"id": case["id"]} | ({"skipped": why} if why else run(case))


with tempfile.TemporaryDirectory() as FOLDER, ThreadPoolExecutor(4) as pool:
    for said in pool.map(outcome, json.load(sys.stdin)):
        print(json.dumps(said), flush=True)

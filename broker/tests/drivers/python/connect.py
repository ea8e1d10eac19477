"""Opens a session for each case with the lines that came with it, and says whose it is.

Reads a JSON array of cases, and writes a JSON object a line: see tests/it/drivers.rs.
"""

import asyncio
import ast
import inspect
import json
import sys

WHO = {
    "postgres": "select current_user::text, (select ssl from pg_stat_ssl where pid = pg_backend_pid())",
    "mysql": "select substring_index(current_user(), '@', 1),"
    " (select variable_value <> '' from information_schema.session_status where variable_name = 'Ssl_cipher')",
}


# How often it is asked through a pooler, each time with a parameter: what is prepared for one server connection is not
# there on the next.
TIMES = 10


def by_cursor(connection, query):
    cursor = connection.cursor()
    cursor.execute(query + " where 1 = %s", [1])
    row = cursor.fetchone()
    connection.commit()
    return row


# What asks a question of what the lines have opened.
ASK = {
    "psycopg": lambda names, query: by_cursor(names["connection"], query),
}


async def run(case):
    names = {key: case[key] for key in ("dsn", "user", "password", "ca_pem")}
    # Lines may await something, as in a function that is async itself.
    code = compile(case["code"], case["format"], "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    opening = eval(code, names)
    if inspect.isawaitable(opening):
        await opening
    times = TIMES if case["pooled"] else 1
    for _ in range(times):
        row = ASK[case["format"]](names, WHO[case["protocol"]])
        user, encrypted = await row if inspect.isawaitable(row) else row
    return {"user": user, "encrypted": bool(int(encrypted)), "asked": times}


async def main():
    for case in json.load(sys.stdin):
        outcome = {"id": case["id"]}
        try:
            outcome |= await run(case)
        except ImportError as error:
            outcome["skipped"] = str(error)
        except Exception as error:
            causes = []
            while error is not None:
                causes.append(f"{type(error).__name__}: {error}")
                error = error.__cause__ or error.__context__
            outcome["error"] = "; ".join(causes)
        print(json.dumps(outcome), flush=True)


asyncio.run(main())

"""Opens a session for each case with the lines that came with it, and says whose it is.

Reads a JSON array of cases, and writes a JSON object a line: see tests/it/drivers.rs.
"""

import ast
import asyncio
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


# Each asks a question of what the lines have opened, in a transaction of its own.


def by_connection(names, query):
    connection = names["connection"]
    cursor = connection.cursor()
    cursor.execute(query + " where 1 = %s", [1])
    row = cursor.fetchone()
    connection.commit()
    return row


async def by_asyncpg(names, query):
    return await names["connection"].fetchrow(query + " where 1 = $1", 1)


async def by_async_cursor(names, query):
    connection = names["connection"]
    async with connection.cursor() as cursor:
        await cursor.execute(query + " where 1 = %s", [1])
        return await cursor.fetchone()


def by_engine(names, query):
    from sqlalchemy import text

    with names["engine"].connect() as connection:
        return connection.execute(text(query + " where 1 = :one"), {"one": 1}).one()


async def by_async_engine(names, query):
    from sqlalchemy import text

    async with names["engine"].connect() as connection:
        return (await connection.execute(text(query + " where 1 = :one"), {"one": 1})).one()


def by_django(names, query):
    import django
    from django.conf import settings
    from django.db.utils import ConnectionHandler

    databases = names["DATABASES"]
    if databases["default"]["ENGINE"].endswith(".mysql"):
        # Django itself says only that settings are improper where this is missing.
        import MySQLdb  # noqa: F401
    if not settings.configured:
        settings.configure()
        django.setup()
    connection = names.setdefault("handler", ConnectionHandler(databases))["default"]
    with connection.cursor() as cursor:
        cursor.execute(query + " where 1 = %s", [1])
        return cursor.fetchone()


ASK = {
    "psycopg": by_connection,
    "psycopg2": by_connection,
    "asyncpg": by_asyncpg,
    "pg8000": by_connection,
    "django": by_django,
    "dj-database-url": by_django,
    "sqlalchemy-psycopg": by_engine,
    "sqlalchemy-psycopg2": by_engine,
    "sqlalchemy-asyncpg": by_async_engine,
    "pymysql": by_connection,
    "mysqlclient": by_connection,
    "mysql-connector-python": by_connection,
    "asyncmy": by_async_cursor,
    "sqlalchemy-pymysql": by_engine,
    "sqlalchemy-mysqlclient": by_engine,
    "sqlalchemy-mysqlconnector": by_engine,
    "sqlalchemy-asyncmy": by_async_engine,
}


async def run(case):
    names = {key: case[key] for key in ("dsn", "user", "password", "ca_pem")}
    # Lines may await something, as in a function that is async itself.
    code = compile(case["code"], case["format"], "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    opening = eval(code, names)
    if inspect.isawaitable(opening):
        await opening
    ask, question = ASK[case["format"]], WHO[case["protocol"]]
    times = TIMES if case["pooled"] else 1
    if inspect.iscoroutinefunction(ask):
        for _ in range(times):
            user, encrypted = await ask(names, question)
    else:
        # Django wants to be where nobody awaits anything, and always in the same thread.
        user, encrypted = await asyncio.to_thread(lambda: [ask(names, question) for _ in range(times)][-1])
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

// Opens a session for each case with the lines that came with it, and says whose it is.
//
// Reads a JSON array of cases, and writes a JSON object a line: see tests/it/drivers.rs. Its argument is the folder in which
// the drivers are installed: modules of the lines are written there for as long as it runs, since they find the drivers by
// where they are.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { pathToFileURL } from 'node:url';

const FOLDER = mkdtempSync(join(process.argv[2], 'run-'));
process.on('exit', () => rmSync(FOLDER, { recursive: true, force: true }));

const WHO = {
  postgres:
    'select current_user::text as who, ssl as encrypted from pg_stat_ssl where pid = pg_backend_pid()',
  mysql:
    "select substring_index(current_user(), '@', 1) as who, variable_value <> '' as encrypted" +
    " from information_schema.session_status where variable_name = 'Ssl_cipher'",
};

// How often it is asked through a pooler, each time with a parameter: what is prepared for one server connection is not
// there on the next.
const TIMES = 10;

// What the lines of each format open, how it is asked a question (with a parameter, if there are any), and how it is closed.
// Those that are not here are skipped.
const with1 = (query, placeholder) => `${query} and 1 = ${placeholder}`;
const byQuery = (opened, query, values) =>
  values ? opened.query(with1(query, '$1'), values) : opened.query(query);
const end = (opened) => opened.end();
const ASK = {
  'node-postgres': ['pool', byQuery, end],
  'node-postgres-options': ['pool', byQuery, end],
  'postgres-js': [
    'sql',
    (sql, query, values) =>
      values ? sql(Object.assign([with1(query, ''), ''], { raw: [''] }), ...values) : sql.unsafe(query),
    end,
  ],
  mysql2: ['pool', byQuery, end],
  'mariadb-js': ['connection', byQuery, end],
  drizzle: ['db', byDrizzle, (db) => db.$client.end()],
  knex: [
    'db',
    (db, query, values) => (values ? db.raw(with1(query, '?'), values) : db.raw(query)),
    (db) => db.destroy(),
  ],
  sequelize: [
    'sequelize',
    (sequelize, query, bind) =>
      sequelize.query(bind ? with1(query, '$1') : query, { logging: false, ...(bind && { bind }) }),
    (sequelize) => sequelize.close(),
  ],
  typeorm: ['dataSource', byQuery, (dataSource) => dataSource.destroy()],
  prisma: ['adapter', byAdapter, () => {}],
};

async function byDrizzle(db, query, values) {
  if (!values) return db.execute(query);
  const { sql } = createRequire(join(FOLDER, 'lines.js'))('drizzle-orm');
  return db.execute(sql`${sql.raw(with1(query, ''))}${values[0]}`);
}

async function byAdapter(adapter, query, args = []) {
  const connection = await adapter.connect();
  try {
    const sql = args.length ? with1(query, '$1') : query;
    const argTypes = args.map(() => ({ scalarType: 'int', arity: 'scalar' }));
    const { rows } = await connection.queryRaw({ sql, args, argTypes });
    const [who, encrypted] = rows[0];
    return { who, encrypted };
  } finally {
    await connection.dispose();
  }
}

// What the lines are given, by the number of their module.
const given = (globalThis.given = []);

async function run({ code, format, protocol, dsn, user, password, ca_pem, pooled }) {
  const [name, ask, close] = ASK[format];
  // Secrets are not in the file.
  const number = given.push({ dsn, user, password, ca_pem }) - 1;
  const file = join(FOLDER, `${number}.mjs`);
  writeFileSync(
    file,
    `const { dsn, user, password, ca_pem } = globalThis.given[${number}];\n${code}\nexport { ${name} as opened };\n`,
  );
  const { opened } = await import(pathToFileURL(file));
  let answer = await ask(opened, WHO[protocol], pooled ? [1] : undefined);
  for (let asked = 1; pooled && asked < TIMES; asked++) answer = await ask(opened, WHO[protocol], [1]);
  await close(opened);
  // Some give rows, some rows and columns, some an object with rows in it.
  return [answer.rows ?? answer].flat(Infinity)[0];
}

// What an error says, and those that led to it, without the names of files in between.
function say(error, depth = 0) {
  if (typeof error !== 'object' || error === null || depth > 5) return [];
  const causes = [error.cause, error.parent, ...(error.errors ?? [])];
  const said = [error.code, error.message, error.originalMessage].filter((part) => typeof part === 'string');
  return [said.join(': '), ...causes.flatMap((cause) => say(cause, depth + 1))];
}

async function outcome(one) {
  const { id, format } = one;
  if (!(format in ASK)) return { id, skipped: `there is no ${format} here` };
  try {
    const { who, encrypted } = await run(one);
    return { id, user: who, encrypted: Boolean(Number(encrypted)), asked: one.pooled ? TIMES : 1 };
  } catch (error) {
    if (error.code === 'ERR_MODULE_NOT_FOUND') return { id, skipped: error.message };
    return { id, error: say(error).join('; ') };
  }
}

// To all servers at once, and to each with one after the other: roles may have few sessions.
const servers = new Map();
for (const one of JSON.parse(await text(process.stdin))) {
  const server = one.id.split(' ').at(-1);
  servers.set(server, [...(servers.get(server) ?? []), one]);
}
await Promise.all(
  [...servers.values()].map(async (cases) => {
    for (const one of cases) process.stdout.write(`${JSON.stringify(await outcome(one))}\n`);
  }),
);
// Pools that were refused would keep it running.
process.exit();

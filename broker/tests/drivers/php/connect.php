<?php

// Opens a session for each case with the lines that came with it, and says whose it is.
//
// Reads a JSON array of cases, and writes a JSON object a line: see tests/it/drivers.rs.

declare(strict_types=1);

const WHO = [
    'postgres' => 'select current_user::text, (select ssl::int from pg_stat_ssl where pid = pg_backend_pid())',
    'mysql' => "select substring_index(current_user(), '@', 1),"
        . " (select variable_value <> '' from information_schema.session_status where variable_name = 'Ssl_cipher')",
];

// What a driver is part of.
const PART_OF = ['pdo' => 'PDO', 'php-pg' => 'pgsql', 'mysqli' => 'mysqli', 'laravel' => 'PDO'];

// How often it is asked through a pooler, each time with a parameter: what is prepared for one server connection is not
// there on the next.
const TIMES = 10;

// What asks a question of what the lines have opened, with a parameter.
function ask(string $format, mixed $connection, string $query): array
{
    return match ($format) {
        'pdo' => by_pdo($connection, $query),
        'php-pg' => pg_fetch_row(pg_query_params($connection, "$query where 1 = $1", [1])),
        'mysqli' => $connection->query($query)->fetch_row(),
        'laravel' => by_pdo($connection->getPdo(), $query),
    };
}

function by_pdo(PDO $connection, string $query): array
{
    $statement = $connection->prepare("$query where 1 = ?");
    $statement->execute([1]);
    return $statement->fetch(PDO::FETCH_NUM);
}

function run(array $case): array
{
    ['dsn' => $dsn, 'user' => $user, 'password' => $password, 'ca_pem' => $ca_pem] = $case;
    eval($case['code']);
    for ($asked = 1; $case['pooled'] && $asked < TIMES; $asked++) {
        ask($case['format'], $connection, WHO[$case['protocol']]);
    }
    return [...ask($case['format'], $connection, WHO[$case['protocol']]), $asked];
}

// What of Laravel's application the lines need: its configuration, and who makes connections of that.
function application(): void
{
    $app = new Illuminate\Container\Container();
    $app['config'] = new Illuminate\Config\Repository();
    $app['db'] = new Illuminate\Database\DatabaseManager($app, new Illuminate\Database\Connectors\ConnectionFactory($app));
    Illuminate\Support\Facades\Facade::setFacadeApplication($app);
}

function config(array $values): void
{
    Illuminate\Support\Facades\Facade::getFacadeApplication()['config']->set($values);
    Illuminate\Support\Facades\DB::purge('dsn');
}

$laravel = stream_resolve_include_path('Illuminate/Database/autoload.php')
    && stream_resolve_include_path('Illuminate/Config/autoload.php');
if ($laravel) {
    require 'Illuminate/Database/autoload.php';
    require 'Illuminate/Config/autoload.php';
    application();
}

// The reason is often in a warning, and not in what is thrown after it.
$warnings = [];
set_error_handler(function (int $level, string $message) use (&$warnings): bool {
    $warnings[] = $message;
    return true;
});

foreach (json_decode(stream_get_contents(STDIN), true, flags: JSON_THROW_ON_ERROR) as $case) {
    $outcome = ['id' => $case['id']];
    $warnings = [];
    try {
        if (!extension_loaded(PART_OF[$case['format']])) {
            $outcome['skipped'] = PART_OF[$case['format']] . ' is no extension of this PHP';
        } elseif ($case['format'] === 'laravel' && !$laravel) {
            $outcome['skipped'] = 'there is no Illuminate\\Database';
        } else {
            [$who, $encrypted, $asked] = run($case);
            $outcome += ['user' => $who, 'encrypted' => (int) $encrypted === 1, 'asked' => $asked];
        }
    } catch (Throwable $error) {
        $outcome['error'] = implode('; ', [...$warnings, $error->getMessage()]);
    }
    echo json_encode($outcome, JSON_THROW_ON_ERROR | JSON_INVALID_UTF8_SUBSTITUTE), "\n";
}

#!/usr/bin/env bash
# The story of dsn-broker, on real servers of its own on loopback: what `make demo` runs. DEMO=once ends after it;
# WITH=planetscale,neon,db9,rds,mysql has these, too.
#
# However this script ends, also by SIGKILL, nothing of it stays: devstack ends when its standard input does, whose
# other end this process alone holds, and takes the folder along; the kernel tells the broker when this process is gone.
# Both are in sessions of their own, so that Ctrl-C reaches this script alone, which ends them in good order.
set -eEuo pipefail
umask 077
cd "$(dirname "$0")/../.."
PATH=$(cargo metadata --locked --no-deps --format-version 1 | jq -r .target_directory)/debug:$PATH
export PAGER=cat no_proxy="localhost,127.0.0.1${no_proxy:+,$no_proxy}"
bold='' plain='' broker='' folder='' step='starting'
[ ! -t 1 ] || bold=$'\e[1m' plain=$'\e[0m'

say() { printf '\n%s# %s%s\n' "$bold" "$*" "$plain"; }

run() { # COMMAND: shows it as one would type it, runs it, shows what it prints
  step=$1
  printf '%s$ %s%s\n' "$bold" "$1" "$plain"
  eval "$1" >"$folder/output" 2>&1 || { cat "$folder/output"; return 1; }
  cat "$folder/output"
}

expect() { # PATTERN: what was printed last
  grep -qE -- "$1" "$folder/output" || fail "this should have been in the output: $1"
}

refused() { # COMMAND PATTERN: it must fail, and say so
  ! run "$1" || fail "this should have been refused"
  expect "$2"
}

fail() {
  trap - ERR
  printf '\nThe demo failed at: %s\n%s\n' "$step" "${1-}" >&2
  [ ! -f "$folder/broker.log" ] || { echo "The end of the broker's log:"; tail -n 20 "$folder/broker.log"; } >&2
  exit 1
}

clean_up() {
  trap '' INT TERM HUP ERR
  [ -z "$broker" ] || { kill "$broker" && wait "$broker"; } 2>/dev/null || true
  [ -z "${WORLD_PID-}" ] || { local world=$WORLD_PID; eval "exec ${WORLD[1]}>&-"; wait "$world"; } || true
}

trap fail ERR
trap clean_up EXIT
trap 'echo; exit 0' INT
trap 'exit 143' TERM HUP

say "The servers start: Postgres for the ledger, Postgres for the orders, Redis, an issuer of tokens${WITH:+; and $WITH}"
coproc WORLD { exec setsid devstack up --until-stdin-ends ${WITH:+--with "$WITH"}; }
read -r started <&"${WORLD[0]}" || fail "devstack did not start"
folder=$(jq -r .folder <<<"$started")
world=$(jq -r .json <<<"$started")
eval "$(jq -r 'to_entries[] | select(.value | scalars) | "\(.key)=\(.value | @sh)"' "$world")"
# What WITH names, as a configuration has it: JSON is YAML, too.
others() { jq -r --arg of "$1" '.[$of] | to_entries[] | "  \(.key): \(.value)"' "$world"; }

# Secrets are files that nobody else can read, and the configuration names them.
for secret in ledger_writer_url ledger_owner_url redis_url orders_admin_password; do
  printf '%s' "${!secret}" >"$folder/$secret"
done
openssl rand -base64 32 >"$folder/seal_key"
openssl rand -base64 32 >"$folder/audit_key"
cat >"$folder/broker.yaml" <<YAML
server:
  listen: 127.0.0.1:0
  admin_listen: 127.0.0.1:0
  tls: { cert: "$broker_certificate", key: "$broker_key" }
ledger:
  url: { file: ledger_writer_url }
  owner_url: { file: ledger_owner_url }
  ca: ca.pem
cache: { redis: { url: { file: redis_url }, ca: ca.pem } }
seal: { keys: [{ id: k1, key: { file: seal_key } }] }
audit: { key: { file: audit_key } }
issuers:
  cluster: { kind: oidc, issuer: "$oidc_issuer", audiences: [dsn-broker], algorithms: [RS256], ca: ca.pem }
databases:
  orders:
    engine: postgres
    dbname: orders
    tls: { ca: { file: ca.pem } }
    admin: { username: broker_admin, password: { file: orders_admin_password } }
    endpoints: { primary: { host: "$orders_host", port: $orders_port } }
$(others databases)
roles:
  orders-reader: { database: orders, credential: { kind: dynamic_user, member_of: [orders_ro] }, ttl: 15m, max_ttl: 2h }
  orders-writer: { database: orders, credential: { kind: dynamic_user, member_of: [orders_rw] }, ttl: 5m, share: request }
$(others roles)
bindings:
  - { workloads: { issuer: cluster, subject: orders-app }, roles: [orders-reader, orders-writer$(jq -r '.roles | keys[] | ", \(.)"' "$world" | tr -d '\n')] }
operators:
  - { workloads: { issuer: cluster, subject: oncall }, may: [leases, revoke, audit] }
YAML
export DSN_BROKER_CONFIG=$folder/broker.yaml

say "An operator checks the configuration, prepares the ledger, and looks at what each role can really do"
run 'dsn-broker check'
run 'dsn-broker migrate'
run 'dsn-broker check --live'
expect 'schema app: select on 1 table$'

say "The broker starts (its log: $folder/broker.log)"
setpriv --pdeathsig TERM setsid dsn-broker serve 2>"$folder/broker.log" &
broker=$!
address() { jq -ern "first(inputs | select(.message == \"listening\")).$1" "$folder/broker.log" 2>/dev/null; }
until address public >"$folder/output"; do kill -0 "$broker" 2>/dev/null || fail 'it ended'; sleep 0.05; done
cat >"$folder/env" <<ENV
export PATH="$PATH" DSN_BROKER_CONFIG="$DSN_BROKER_CONFIG" no_proxy="$no_proxy"
CA="$ca_path" BROKER="https://localhost:$(address public | sed 's/.*://')" ADMIN="http://$(address admin)"
MINT="$oidc_mint_url" FOLDER="$folder"
ENV
. "$folder/env"
run 'curl -sS --fail-with-body --retry 100 --retry-delay 1 --retry-connrefused "$ADMIN/readyz"'

say "A workload has a token of its cluster's issuer; with it, it asks for the DSN of a role"
run 'TOKEN=$(curl -sSf --cacert "$CA" -d '\''{"sub": "orders-app", "lifetime": 3600}'\'' "$MINT")'
run 'DSN=$(curl -sSf --cacert "$CA" -H "Authorization: Bearer $TOKEN" -H "Accept: text/plain" "$BROKER/v1/dsn/orders-reader?ca_file=$CA"); echo "$DSN"'
expect '^postgresql://dsn_.*sslmode=verify-full'
say "Its driver takes the DSN as it stands: verified, encrypted, and with no more rights than the role has"
run 'psql -X "$DSN" -c "select current_user, ssl, version from pg_stat_ssl where pid = pg_backend_pid()"'
expect '^ dsn_[^|]*\| t '
run 'psql -X "$DSN" -c "select customer, item from app.orders"'
expect 'Ada'
refused 'psql -X "$DSN" -c "delete from app.orders"' 'permission denied'
say "Revoked: the user is gone, and what worked a moment ago is refused"
run 'LEASE=$(curl -sSf --cacert "$CA" -H "Authorization: Bearer $TOKEN" "$BROKER/v1/leases" | jq -r ".leases[0].lease_id")'
run 'curl -sSf --cacert "$CA" -H "Authorization: Bearer $TOKEN" -X DELETE "$BROKER/v1/leases/$LEASE" | jq -c "{lease_id, state, ended_at}"'
expect '"state":"revoked"'
refused 'psql -X "$DSN" -c "select 1"' 'authentication failed'
while read -r role engine; do
  say "The role $role, at a database of the engine $engine"
  case $engine in
    mysql | planetscale-mysql)
      ask='curl -sSf --cacert "$CA" -H "Authorization: Bearer $TOKEN" -H "Accept: text/plain" "$BROKER/v1/dsn/ROLE?format=my-cnf&ca_file=$CA" >"$FOLDER/my.cnf"'
      run "${ask/ROLE/$role}"
      run 'cat "$FOLDER/my.cnf"'
      expect '^ssl-verify-server-cert'
      run 'mariadb --defaults-file="$FOLDER/my.cnf" -e "status" | grep SSL:'
      expect '^SSL:.*Cipher in use'
      run 'mariadb --defaults-file="$FOLDER/my.cnf" -te "select current_user(), count(*) from orders"'
      ;;
    *)
      ask='OTHER=$(curl -sSf --cacert "$CA" -H "Authorization: Bearer $TOKEN" -H "Accept: text/plain" "$BROKER/v1/dsn/ROLE?ca_file=$CA"); echo "$OTHER"'
      run "${ask/ROLE/$role}"
      expect '^postgresql://.*sslmode=verify-full'
      run 'psql -X "$OTHER" -c "\conninfo" -c "select current_user, count(*) from orders"'
      expect 'TLSv1\.'
      ;;
  esac
done < <(jq -r '. as $all | .roles | to_entries[] | "\(.key) \($all.databases[.value.database].engine)"' "$world")
say "All of it is on record, and the record proves that nobody changed it"
run 'dsn-broker audit verify'
expect 'the chain is whole'
run 'dsn-broker audit export | jq -r "[.at, .action, .subject, .role] | @tsv" | tail -n 6'
[ "${DEMO-stay}" != once ] || exit 0

cat <<TEXT

${bold}All of it keeps running until Ctrl-C. In another terminal:${plain}
  source $folder/env      # CA, BROKER, ADMIN, MINT, and dsn-broker itself
  TOKEN=\$(curl -sSf --cacert "\$CA" -d '{"sub": "orders-app", "lifetime": 3600}' "\$MINT")
  curl -sS --cacert "\$CA" -H "Authorization: Bearer \$TOKEN" "\$BROKER/v1/roles" | jq
  psql "\$(curl -sSf --cacert "\$CA" -H "Authorization: Bearer \$TOKEN" -H 'Accept: text/plain' "\$BROKER/v1/dsn/orders-writer?ca_file=\$CA")"
An operator is {"sub": "oncall"}: try GET \$BROKER/v1/audit. Metrics: $ADMIN/metrics
Documentation of the calls: $BROKER/docs (its certificate is signed by $ca_path)
The configuration, loaded again when it changes: $DSN_BROKER_CONFIG
TEXT
[ -n "${WITH-}" ] || echo 'With more databases, emulated or real: make demo WITH=planetscale,neon,db9,rds,mysql'
wait "$broker" || true
fail 'the broker ended'

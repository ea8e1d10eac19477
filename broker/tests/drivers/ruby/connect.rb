# frozen_string_literal: true

# Opens a session for each case with the lines that came with it, and says whose it is.
#
# Reads a JSON array of cases, and writes a JSON object a line: see tests/it/drivers.rs.

require "erb"
require "json"
require "yaml"

# Debian's mysql2 says of each connection that it does not know ssl_mode.
$VERBOSE = nil

WHO = {
  "postgres" => "select current_user::text, (select ssl::int from pg_stat_ssl where pid = pg_backend_pid())",
  "mysql" => "select substring_index(current_user(), '@', 1)," \
             " (select variable_value <> '' from information_schema.session_status where variable_name = 'Ssl_cipher')"
}.freeze

# How often it is asked through a pooler, each time with a parameter: what is prepared for one server connection is not
# there on the next.
TIMES = 10

# What asks a question of what the lines have opened; of Postgres with a parameter.
ASK = {
  "ruby-pg" => lambda do |names, query|
    connection = names.local_variable_get(:connection)
    connection.exec_params("#{query} where 1 = $1", [1]).values.first
  end,
  "ruby-mysql2" => lambda do |names, query|
    connection = names.local_variable_get(:connection)
    connection.query(query, as: :array).first
  end,
  "activerecord" => lambda do |_, query|
    connection = ActiveRecord::Base.connection
    next connection.select_rows(query).first unless connection.adapter_name == "PostgreSQL"

    one = ActiveRecord::Relation::QueryAttribute.new("one", 1, ActiveRecord::Type::Integer.new)
    connection.select_rows("#{query} where 1 = $1", nil, [one]).first
  end
}.freeze

def run(kase)
  dsn = kase["dsn"]
  # A hash is for database.yml, too, which is YAML out of a template.
  raise "another hash in YAML" if dsn.start_with?("{") && YAML.safe_load(ERB.new(dsn).result) != JSON.parse(dsn)

  names = binding
  %w[user password ca_pem].each { |name| names.local_variable_set(name, kase[name]) }
  names.eval(kase["code"])
  times = kase["pooled"] ? TIMES : 1
  answers = Array.new(times) { ASK.fetch(kase["format"]).call(names, WHO.fetch(kase["protocol"])) }
  [*answers.last, times]
end

JSON.parse($stdin.read).each do |kase|
  outcome = { id: kase["id"] }
  begin
    user, encrypted, asked = run(kase)
    outcome.merge!(user: user, encrypted: encrypted.to_i == 1, asked: asked)
  rescue LoadError => e
    outcome[:skipped] = e.message
  rescue StandardError => e
    outcome[:error] = "#{e.class}: #{e.message}"
  end
  puts outcome.to_json
end

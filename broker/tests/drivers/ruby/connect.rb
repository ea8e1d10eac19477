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

# What asks a question of what the lines have opened.
ASK = {
  "ruby-pg" => lambda do |names, query|
    connection = names.local_variable_get(:connection)
    connection.exec(query).values.first.tap { connection.close }
  end,
  "ruby-mysql2" => lambda do |names, query|
    connection = names.local_variable_get(:connection)
    connection.query(query, as: :array).first.tap { connection.close }
  end,
  "activerecord" => lambda do |_, query|
    ActiveRecord::Base.connection.select_rows(query).first.tap { ActiveRecord::Base.remove_connection }
  end
}.freeze

def run(kase)
  dsn = kase["dsn"]
  # A hash is for database.yml, too, which is YAML out of a template.
  raise "another hash in YAML" if dsn.start_with?("{") && YAML.safe_load(ERB.new(dsn).result) != JSON.parse(dsn)

  names = binding
  %w[user password ca_pem].each { |name| names.local_variable_set(name, kase[name]) }
  names.eval(kase["code"])
  ASK.fetch(kase["format"]).call(names, WHO.fetch(kase["protocol"]))
end

JSON.parse($stdin.read).each do |kase|
  outcome = { id: kase["id"] }
  begin
    user, encrypted = run(kase)
    outcome.merge!(user: user, encrypted: encrypted.to_i == 1)
  rescue LoadError => e
    outcome[:skipped] = e.message
  rescue StandardError => e
    outcome[:error] = "#{e.class}: #{e.message}"
  end
  puts outcome.to_json
end

// Opens a session for each case with the lines that came with it, and says whose it is.
//
// Reads a JSON array of cases, and writes a JSON object a line: see tests/it/drivers.rs. Java cannot run lines that it is
// given: here they are, as they are shown.

import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.sql.Connection;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.logging.LogManager;

import com.google.gson.Gson;
import org.springframework.boot.SpringBootConfiguration;
import org.springframework.boot.WebApplicationType;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.builder.SpringApplicationBuilder;

// What the lines import.
import java.sql.DriverManager;

import javax.sql.DataSource;
import org.springframework.beans.factory.annotation.Autowired;

class Connect {
    record Case(String id, String format, String protocol, String dsn, String user, String password, boolean pooled) {}

    static final Map<String, String> WHO = Map.of(
            "postgres", "select current_user::text, (select ssl from pg_stat_ssl where pid = pg_backend_pid()), ?::text",
            "mysql", "select substring_index(current_user(), '@', 1), (select variable_value <> ''"
                    + " from information_schema.session_status where variable_name = 'Ssl_cipher'), ?");

    public static void main(String[] arguments) {
        // What drivers log is in their exceptions, too.
        LogManager.getLogManager().reset();
        var gson = new Gson();
        var cases = gson.fromJson(new InputStreamReader(System.in, StandardCharsets.UTF_8), Case[].class);
        var output = new PrintStream(System.out, true, StandardCharsets.UTF_8);
        for (var one : cases) {
            Map<String, Object> outcome = new LinkedHashMap<>(Map.of("id", one.id));
            try {
                if (one.format.equals("spring")) {
                    askSpring(one, outcome);
                } else {
                    ask(one, open(one.dsn, one.user, one.password), outcome);
                }
            } catch (Exception error) {
                List<String> causes = new ArrayList<>();
                for (Throwable cause = error; cause != null; cause = cause.getCause()) {
                    causes.add(cause.toString());
                }
                outcome.put("error", String.join("; ", causes));
            }
            output.println(gson.toJson(outcome));
        }
    }

    static Connection open(String dsn, String user, String password) throws Exception {
        var connection = DriverManager.getConnection(dsn, user, password);
        return connection;
    }

    /** Through a pooler ten times, as drivers may prepare what they are asked again. */
    static void ask(Case one, Connection opened, Map<String, Object> outcome) throws Exception {
        int times = one.pooled ? 10 : 1;
        try (var connection = opened) {
            for (int time = 0; time < times; time++) {
                try (var statement = connection.prepareStatement(WHO.get(one.protocol))) {
                    statement.setString(1, Integer.toString(time));
                    var row = statement.executeQuery();
                    row.next();
                    outcome.put("user", row.getString(1));
                    outcome.put("encrypted", row.getBoolean(2));
                }
            }
        }
        if (one.pooled) {
            outcome.put("asked", times);
        }
    }

    @SpringBootConfiguration
    @EnableAutoConfiguration
    static class Application {
        @Autowired
        DataSource dataSource;
    }

    /** Spring Boot reads the text from where it has it: a file. */
    static void askSpring(Case one, Map<String, Object> outcome) throws Exception {
        var file = Files.createTempFile("application", ".properties");
        try {
            Files.writeString(file, one.dsn);
            var builder = new SpringApplicationBuilder(Application.class).web(WebApplicationType.NONE);
            var application = builder.run("--spring.config.location=file:" + file, "--spring.main.banner-mode=off",
                    "--logging.level.root=off", "--spring.datasource.hikari.maximum-pool-size=1");
            try (application) {
                var opened = application.getBean(Application.class).dataSource.getConnection();
                ask(one, opened, outcome);
            }
        } finally {
            Files.delete(file);
        }
    }
}
